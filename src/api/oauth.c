/*
 * oauth: tokens for clients that do not send a password with each request.
 *
 * Sources: RFC 6749 sections 4.3, 5 and 6; RFC 6750. The client's own id, which the guide's tools
 * send as Basic, is a public one: it says nothing and is not looked at.
 */
#include <string.h>

#include "api/core.h"

enum { FORM_MAX = 16 * 1024 };

/* RFC 6749 section 5.2 has a form of its own for errors. */
static enum status say_error(struct api_answer *a, unsigned status, const char *error,
                             const char *description)
{
    return api_say(a, status,
                   json_pack("{s:s, s:s}", "error", error, "error_description", description));
}

static enum status say_login_error(struct api_answer *a, const struct api_login_result *login)
{
    if (login->outcome == LOGIN_WAIT) {
        TRY(say_error(a, 429, "invalid_grant", "too many failed logins; wait and try again"));
        a->retry_after_s = login->retry_after_s;
        return ST_OK;
    }
    return say_error(a, 401, "invalid_grant", "wrong user, password or refresh token");
}

static enum status say_tokens(struct api_answer *a, const struct api_tokens *tokens)
{
    return api_say(a, 200,
                   json_pack("{s:s, s:s, s:i, s:s}", "access_token", tokens->access, "token_type",
                             "Bearer", "expires_in", (int)LOGIN_TOKEN_S, "refresh_token",
                             tokens->refresh));
}

static enum status by_password(struct api_request *r, struct api_answer *a, struct err *err)
{
    const char *user = api_form_field(r, "username");
    const char *password = api_form_field(r, "password");
    struct api_login_result login;
    struct api_tokens tokens;
    if (user == NULL || password == NULL) {
        return say_error(a, 400, "invalid_request", "username and password are needed");
    }
    struct api_credentials given = { user, password, r->client };
    TRY(api_login_password(r->core->login, r->store, &given, &login, err));
    if (login.outcome != LOGIN_OK) {
        return say_login_error(a, &login);
    }
    TRY(api_login_grant(r->core->login, r->store, login.user, &tokens, err));
    return say_tokens(a, &tokens);
}

static enum status by_refresh(struct api_request *r, struct api_answer *a, struct err *err)
{
    const char *refresh = api_form_field(r, "refresh_token");
    struct api_login_result login;
    struct api_tokens tokens;
    if (refresh == NULL) {
        return say_error(a, 400, "invalid_request", "refresh_token is needed");
    }
    TRY(api_login_refresh(r->core->login, r->store, refresh, &login, &tokens, err));
    return login.outcome == LOGIN_OK ? say_tokens(a, &tokens) : say_login_error(a, &login);
}

static enum status token(struct api_request *r, struct api_answer *a, struct err *err)
{
    const char *grant = api_form_field(r, "grant_type");
    if (grant != NULL && strcmp(grant, "password") == 0) {
        return by_password(r, a, err);
    }
    if (grant != NULL && strcmp(grant, "refresh_token") == 0) {
        return by_refresh(r, a, err);
    }
    return say_error(a, 400, grant == NULL ? "invalid_request" : "unsupported_grant_type",
                     "grant_type has to be password or refresh_token");
}

/* clang-format off: a table reads by columns */
static const struct api_route routes[] = {
    { API_POST, "/oauth/token", API_RIGHT_OPEN, token, "getToken",
      "A token for a user and a password, or for a refresh token", NULL, API_BODY_FORM,
      "TokenRequest", "Token", API_OUT_DOCUMENT, 200, "Token", FORM_MAX },
};

static const struct api_schema schemas[] = {
    { "TokenRequest",
      "{\"type\":\"object\",\"required\":[\"grant_type\"],\"properties\":{"
      "\"grant_type\":{\"type\":\"string\",\"enum\":[\"password\",\"refresh_token\"]},"
      "\"username\":{\"type\":\"string\"},\"password\":{\"type\":\"string\"},"
      "\"refresh_token\":{\"type\":\"string\"}}}" },
    { "Token",
      "{\"type\":\"object\",\"required\":[\"access_token\",\"token_type\",\"expires_in\"],"
      "\"properties\":{\"access_token\":{\"type\":\"string\"},\"token_type\":{\"type\":\"string\"},"
      "\"expires_in\":{\"type\":\"integer\"},\"refresh_token\":{\"type\":\"string\"}}}" },
};
/* clang-format on */

const struct api_table api_table_oauth = { "Tokens", routes, ARRAY_LEN(routes), schemas,
                                           ARRAY_LEN(schemas) };
