/*
 * explain: captures in, a verdict on every handshake out.
 *
 * cmd_explain.c turns the command line into `struct explain_options`; explain_run() does the work.
 * Everything in the options is borrowed until explain_run() returns. All-zero options with inputs
 * set are valid: no trust, text without colour, failed connections only.
 */
#ifndef HANDFAST_CLI_EXPLAIN_H
#define HANDFAST_CLI_EXPLAIN_H

#include <stdio.h>

#include "cli/command.h"
#include "diagnose/gateway.h"
#include "x509/x509.h"

enum explain_only {
    EXPLAIN_FAILED,
    EXPLAIN_FINDINGS, /* failed, and completed ones with findings */
    EXPLAIN_ALL
};

struct explain_options {
    const char *const *inputs; /* files, or "-"; directories are already walked */
    size_t n_inputs;
    const char *interface;          /* live; NULL: read the inputs */
    const char *filter;             /* BPF, or NULL */
    bool trust_system;              /* the system's trust anchors are wanted */
    const char *const *trust_paths; /* further anchors: files and directories */
    size_t n_trust_paths;           /* with neither: --trust none */
    struct x509_password password;  /* of the key stores among them */
    const char *const *crls;
    size_t n_crls;
    const char *const *keylogs;
    size_t n_keylogs;
    const struct gateway *gateways;
    size_t n_gateways;
    const char *prove_to; /* replay failed connections to this server; NULL: send nothing */
    enum explain_only only;
    bool use_json;
    bool summary_only;
    FILE *out;          /* standard output, or the file of --output */
    bool use_colour;    /* --color, NO_COLOR and the terminal already weighed */
    unsigned width;     /* columns; 0: the report's default */
    bool show_progress; /* standard error is a terminal and nobody said no */
};

/* One of enum exit_code. Errors go to standard error as "handfast: FILE: reason". */
int explain_run(const struct explain_options *options);

#endif
