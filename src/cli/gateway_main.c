/* handfast-gateway: the manager of a gateway, orders to one that runs, and the collector. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/gateway_manager.h"
#include "cli/gateway_options.h"
#include "gateway/collector.h"
#include "gateway/control.h"
#include "gateway/gateway.h"

static enum status order(const struct gateway_line *line, struct err *err)
{
    struct places places;
    struct text words = { 0 };
    struct text answer = { 0 };
    TRY(places_find(&places, line->dir, err));
    text_puts(&words, line->order);
    if (line->part != NULL) {
        text_printf(&words, " %s", line->part);
    }
    enum status st = control_ask(&places, text_str(&words), &answer, err);
    fputs(text_str(&answer), stdout);
    text_deinit(&words);
    text_deinit(&answer);
    return st;
}

static int collect(const struct gateway_line *line, struct err *err)
{
    struct places places;
    if (places_find(&places, line->dir, err) != ST_OK) {
        fprintf(stderr, "handfast-gateway: %s\n", err->text);
        return EXIT_INPUT;
    }
    return gateway_collector_run(&places);
}

int main(int argc, char **argv)
{
    struct gateway_line line;
    struct err err = { 0 };
    enum status st = gateway_line_read(&line, argv + 1, argc > 0 ? (size_t)argc - 1 : 0, &err);
    if (st != ST_OK) {
        return command_refuse("gateway", st, &err);
    }
    if (line.help || line.version) {
        return line.help ? gateway_line_help() : command_show_version();
    }
    if (line.is_collector) {
        return collect(&line, &err);
    }
    st = line.order != NULL ? order(&line, &err) : gateway_manager_run(&line, &err);
    if (st != ST_OK) {
        fprintf(stderr, "handfast gateway: %s\n", err.text);
        return EXIT_INPUT;
    }
    return EXIT_NOTHING_FAILED;
}
