#include "capture/filter.h"

#include <pcap/pcap.h>
#include <stdlib.h>

#include "capture/link_type.h"
#include "capture/packet.h"

enum {
    MAX_PROGRAMS = 32, /* link types in one capture: each of them is an interface's */
    ANY_SNAP_LEN = 262144,
};

struct filter {
    const char *expression;
    struct {
        uint16_t link_type;
        struct bpf_program code;
    } programs[MAX_PROGRAMS];
    size_t n_programs;
    size_t last; /* the program of the last frame: most captures have one link type */
};

enum status filter_new(const char *expression, struct filter **out, struct err *err)
{
    if (expression == NULL) {
        *out = NULL;
        return ST_OK;
    }
    struct filter *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return err_set(err, ST_NOMEM, "filter: no memory");
    }
    f->expression = expression;
    *out = f;
    return ST_OK;
}

void filter_free(struct filter *f)
{
    if (f == NULL) {
        return;
    }
    for (size_t i = 0; i < f->n_programs; i++) {
        pcap_freecode(&f->programs[i].code);
    }
    free(f);
}

static enum status compile(struct filter *f, uint16_t link_type, struct err *err)
{
    pcap_t *dead = pcap_open_dead(link_type_dlt(link_type), ANY_SNAP_LEN);
    if (dead == NULL) {
        return err_set(err, ST_NOMEM, "filter: no memory");
    }
    enum status st = ST_OK;
    struct bpf_program *code = &f->programs[f->n_programs].code;
    if (pcap_compile(dead, code, f->expression, 1, PCAP_NETMASK_UNKNOWN) != 0) {
        const char *name = link_type_name(link_type);
        st = err_set(err, ST_USAGE, "filter \"%s\": %s (link type %u%s%s)", f->expression,
                     pcap_geterr(dead), link_type, name != NULL ? " " : "",
                     name != NULL ? name : "");
    }
    pcap_close(dead);
    return st;
}

enum status filter_prepare(struct filter *f, uint16_t link_type, struct err *err)
{
    if (f->last < f->n_programs && f->programs[f->last].link_type == link_type) {
        return ST_OK;
    }
    for (size_t i = 0; i < f->n_programs; i++) {
        if (f->programs[i].link_type == link_type) {
            f->last = i;
            return ST_OK;
        }
    }
    if (f->n_programs == MAX_PROGRAMS) {
        return err_set(err, ST_FORMAT, "filter: more than %d link types in one capture",
                       MAX_PROGRAMS);
    }
    TRY(compile(f, link_type, err));
    f->programs[f->n_programs].link_type = link_type;
    f->last = f->n_programs;
    f->n_programs++;
    return ST_OK;
}

enum status filter_match(struct filter *f, const struct frame *frame, bool *out_matches,
                         struct err *err)
{
    TRY(filter_prepare(f, frame->link_type, err));
    struct pcap_pkthdr head = { .caplen = (bpf_u_int32)frame->bytes.len,
                                .len = frame->len_on_wire };
    *out_matches = pcap_offline_filter(&f->programs[f->last].code, &head, frame->bytes.p) != 0;
    return ST_OK;
}
