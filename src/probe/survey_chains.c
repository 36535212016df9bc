/* Certificates that a survey met, and the CA names a server asks for. */
#include "probe/survey_internal.h"
#include "tls/message.h"

static const struct x509_chain *chain_of(struct survey *s, const struct probe_flight *f,
                                         struct tls_certificate *message)
{
    struct fault fault = { 0 };
    if (f->certificate.p == NULL) {
        return NULL;
    }
    (void)tls_certificate_parse(f->certificate, f->version, message, &fault);
    return message->n == 0 ? NULL : x509_store_chain(s->options.store, message->list, message->n);
}

/* The index of the chain in the facts, -1 where none came. */
int survey_note_chain(struct survey *s, const struct probe_outcome *o)
{
    struct survey_facts *facts = &s->facts;
    struct tls_certificate message = { 0 };
    const struct x509_chain *chain = chain_of(s, o->flight, &message);
    if (chain == NULL) {
        return -1;
    }
    bool staple = message.ocsp_response.len > 0 || o->flight->certificate_status.len > 0;
    for (size_t i = 0; i < facts->n_chains; i++) {
        if (facts->chains[i].chain == chain) {
            facts->chains[i].has_staple |= staple;
            x509_chain_unref(chain);
            return (int)i;
        }
    }
    if (facts->n_chains == SURVEY_CHAINS_MAX) {
        x509_chain_unref(chain);
        return -1;
    }
    s->taken[s->n_taken++] = chain;
    facts->chains[facts->n_chains] = (struct survey_chain){
        .chain = chain, .key_type = x509_chain_facts(chain, 0)->key_type, .has_staple = staple
    };
    struct bytes response = message.ocsp_response;
    struct fault fault = { 0 };
    if (response.len == 0 && o->flight->certificate_status.len > 0) {
        (void)tls_certificate_status_parse(o->flight->certificate_status, &response, &fault);
    }
    struct x509_question q = { .purpose = X509_FOR_SERVER,
                               .host = facts->server_name[0] != '\0' ? facts->server_name
                                                                     : facts->target->host,
                               .at_s = s->options.now_s,
                               .ocsp_response = response };
    struct survey_chain *kept = &facts->chains[facts->n_chains];
    kept->is_judged = x509_judge(s->options.store, chain, &q, &kept->judgement, NULL) == ST_OK;
    return (int)facts->n_chains++;
}

/* CertificateRequest: the first that was seen. */
void survey_note_request(struct survey *s, const struct probe_outcome *o)
{
    struct survey_facts *facts = &s->facts;
    const struct probe_flight *f = o->flight;
    struct tls_certificate_request request = { 0 };
    struct fault fault = { 0 };
    if (f->certificate_request.p == NULL) {
        if (f->hello_done && facts->asks_certificate == SURVEY_NOT_ASKED) {
            facts->asks_certificate = SURVEY_NO;
        }
        return;
    }
    bool is_first = facts->asks_certificate != SURVEY_YES;
    facts->asks_certificate = SURVEY_YES;
    (void)tls_certificate_request_parse(f->certificate_request, f->version, &request, &fault);
    struct bytes list = request.authorities;
    struct bytes name;
    while (is_first && tls_authority_next(&list, &name)) {
        facts->n_authorities_in_all++;
        struct text line = { 0 };
        x509_name_put(&line, name);
        char *kept = arena_strndup(&s->arena, text_str(&line), line.len);
        if (kept != NULL && facts->n_authorities < SURVEY_AUTHORITIES_MAX) {
            facts->authorities[facts->n_authorities++] = kept;
        }
        text_deinit(&line);
    }
}
