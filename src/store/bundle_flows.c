#include <string.h>
#include <strings.h>

#include "store/bundle_parts.h"

struct policy_row {
    const char *type;
    enum remark_level level;
    const char *does;
};

static const struct policy_row policy_rows[] = {
#define POLICY(element, level, does) { element, REMARK_##level, does },
#include "store/policies.def"
};

/* Elements that may hold other elements with steps: a walk goes down into these alone. */
static const char *const containers[] = { "PreFlow",    "PostFlow",  "PostClientFlow",  "EventFlow",
                                          "Flows",      "Flow",      "Request",         "Response",
                                          "FaultRules", "FaultRule", "DefaultFaultRule" };

void bundle_read_policy(struct bundle *b, const struct xml *xml, struct bundle_policy *out)
{
    const xmlNode *root = xml_root(xml);
    const char *enabled = bundle_attribute(b, root, "enabled");
    *out = (struct bundle_policy){ .name = bundle_attribute(b, root, "name"),
                                   .type = arena_strndup(&b->arena, (const char *)root->name,
                                                         strlen((const char *)root->name)),
                                   .file = xml->file,
                                   .is_enabled = strcasecmp(enabled, "false") != 0 };
    b->remarks.failed |= out->type == NULL;
    if (out->type == NULL) {
        out->type = "";
    }
    if (out->name[0] == '\0') {
        bundle_remark(b, REMARK_ERROR, "bundle.InvalidValue", xml_place(xml, root),
                      "<%s> needs a name", out->type);
    }
}

static const struct bundle_policy *find_policy(const struct bundle *b, const char *name)
{
    for (size_t i = 0; i < b->n_policies; i++) {
        if (strcmp(b->policies[i].name, name) == 0) {
            return &b->policies[i];
        }
    }
    return NULL;
}

static bool is_container(const xmlNode *element)
{
    size_t i = 0;
    while (i < ARRAY_LEN(containers) && !xml_is(element, containers[i])) {
        i++;
    }
    return i < ARRAY_LEN(containers);
}

/* The flow that a step is in, by its name; its element where it has none. */
static const char *flow_of(struct bundle *b, const xmlNode *step, bool *is_fault_rule)
{
    const char *name = NULL;
    *is_fault_rule = false;
    for (const xmlNode *up = step->parent; up != NULL && up->type == XML_ELEMENT_NODE;
         up = up->parent) {
        *is_fault_rule |= xml_is(up, "FaultRules") || xml_is(up, "DefaultFaultRule");
        bool is_flow = is_container(up) && !xml_is(up, "Request") && !xml_is(up, "Response");
        if (is_flow && name == NULL) {
            const char *given = bundle_attribute(b, up, "name");
            name = given[0] == '\0' ? (const char *)up->name : given;
        }
    }
    return name == NULL ? "?" : name;
}

static void remark_policy(struct bundle *b, const struct bundle_policy *policy, const char *flow,
                          bool is_fault_rule, struct place at)
{
    size_t i = 0;
    while (i < ARRAY_LEN(policy_rows) && strcmp(policy_rows[i].type, policy->type) != 0) {
        i++;
    }
    bool is_known = i < ARRAY_LEN(policy_rows);
    enum remark_level level = is_known ? policy_rows[i].level : REMARK_UNSAFE;
    level = is_fault_rule ? REMARK_WARNING : level; /* only changes what has failed already */
    bundle_remark(
        b, level, level == REMARK_UNSAFE ? "bundle.ProtectionSkipped" : "bundle.PolicySkipped", at,
        "policy %.100s (%.60s, %s) in flow %.100s is not executed", policy->name, policy->type,
        is_known ? policy_rows[i].does : "of a kind that is not known here", flow);
}

static void read_step(struct bundle *b, const struct xml *xml, const xmlNode *step)
{
    bool is_fault_rule;
    const xmlNode *name_element = xml_child(step, "Name");
    const char *flow = flow_of(b, step, &is_fault_rule);
    struct place at = xml_place(xml, step);
    if (name_element == NULL) {
        bundle_remark(b, REMARK_ERROR, "bundle.InvalidValue", at,
                      "<Step> in flow %.100s has no <Name>", flow);
        return;
    }
    const char *name = bundle_text(b, name_element);
    const struct bundle_policy *policy = find_policy(b, name);
    if (policy == NULL) {
        bundle_remark(b, REMARK_ERROR, "bundle.PolicyMissing", at,
                      "flow %.100s has a step \"%.100s\", and the bundle no policy of that name",
                      flow, name);
    } else if (policy->is_enabled) {
        remark_policy(b, policy, flow, is_fault_rule, at);
    }
}

/* The element after this one in a walk that goes down into containers; NULL: the end. */
static const xmlNode *walk(const xmlNode *at, const xmlNode *top)
{
    const xmlNode *next = is_container(at) ? xml_first(at) : NULL;
    while (next == NULL) {
        next = xml_next(at);
        at = at->parent;
        if (next == NULL && at == top) {
            return NULL;
        }
    }
    return next;
}

void bundle_read_flows(struct bundle *b, const struct xml *xml, const xmlNode *endpoint)
{
    const xmlNode *at = xml_first(endpoint);
    while (at != NULL) {
        bool is_step = xml_is(at, "Step") && at->parent != endpoint;
        /* <FaultRule> and <DefaultFaultRule> hold steps directly, flows within Request, Response */
        if (is_step) {
            read_step(b, xml, at);
        }
        at = walk(at, endpoint);
    }
}
