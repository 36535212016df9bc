/*
 * handfast: start reading here. Finds the command in the table and runs it.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/status.h"
#include "cli/cmd_check.h"
#include "cli/cmd_explain.h"
#include "cli/cmd_gateway.h"
#include "cli/cmd_probe.h"
#include "cli/cmd_run.h"
#include "cli/command.h"
#include "cli/suggest.h"

static int cmd_help(char **args, size_t n_args);
static int cmd_version(char **args, size_t n_args);

/* clang-format off */
static const struct command commands[] = {
    { "explain", cmd_explain, "FILE|DIR|-...",    "say why the TLS handshakes in captures failed",      true },
    { "check",   cmd_check,   "FILE|HOST:PORT",   "judge certificates, and say what mends them",        true },
    { "probe",   cmd_probe,   "HOST[:PORT]",      "say what a live server accepts, and what to change", true },
    { "run",     cmd_run,     "COMMAND [ARG]...", "run a command; say why its TLS handshakes fail",      true },
    { "gateway", cmd_gateway, "--dir DIR",        "run an API gateway that explains its own failures",   true },
    { "help",    cmd_help,    "[COMMAND]",        "show this, or how a command is used",                false },
    { "version", cmd_version, "",                 "show the version",                                   false },
};
/* clang-format on */

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static void usage(FILE *to)
{
    fputs("handfast: says why TLS handshakes fail\n\nusage: handfast COMMAND [OPTION]...\n\n", to);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        const struct command *c = &commands[i];
        fprintf(to, "  %-8s %-18s %s\n", c->name, c->usage, c->summary);
    }
    fputs("\nTry: handfast explain capture.pcap\n"
          "     handfast explain --message 'curl: (35) ... wrong version number'\n"
          "More: man handfast, handfast COMMAND --help\n",
          to);
}

static int unknown(const char *name)
{
    const char *nearest = NULL;
    size_t least = SUGGEST_TOO_FAR;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        size_t distance = suggest_distance(name, commands[i].name);
        if (distance < least) {
            least = distance;
            nearest = commands[i].name;
        }
    }
    if (access(name, F_OK) == 0) {
        fprintf(stderr, "handfast: no command '%.80s'; did you mean 'handfast explain %.80s'?\n",
                name, name);
    } else if (nearest != NULL) {
        fprintf(stderr, "handfast: no command '%.80s'; did you mean '%s'?\n", name, nearest);
    } else {
        fprintf(stderr, "handfast: no command '%.80s'; handfast help lists them\n", name);
    }
    return EXIT_USAGE;
}

static int cmd_help(char **args, size_t n_args)
{
    static char help[] = "--help";
    static char *ask_help[] = { help };
    const struct command *c = n_args == 0 ? NULL : find(args[0]);
    if (n_args > 0 && c == NULL) {
        return unknown(args[0]);
    }
    if (c != NULL && c->has_options) {
        return c->run(ask_help, 1);
    }
    usage(stdout);
    return EXIT_NOTHING_FAILED;
}

static int cmd_version(char **args, size_t n_args)
{
    (void)args;
    (void)n_args;
    return command_show_version();
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0) {
        name = "help";
    } else if (strcmp(name, "-V") == 0 || strcmp(name, "--version") == 0) {
        name = "version";
    }
    const struct command *c = find(name);
    return c == NULL ? unknown(name) : c->run(argv + 2, (size_t)argc - 2);
}
