/*
 * survey_report: what a survey found, as text for people and as JSON for programs.
 *
 * The JSON is docs/probe.schema.json, one object a line. Text from the wire is made safe.
 */
#ifndef HANDFAST_PROBE_SURVEY_REPORT_H
#define HANDFAST_PROBE_SURVEY_REPORT_H

#include "base/json.h"
#include "probe/survey.h"
#include "report/report.h"

struct survey_style {
    struct report_style report;
    bool is_brief; /* the verdict and the findings only: one of many targets */
};

void survey_text(struct text *out, const struct survey_facts *f, const struct survey_style *style);
/* The members of the object, without its braces: others may add theirs. */
void survey_json(struct json *j, const struct survey_facts *f);

#endif
