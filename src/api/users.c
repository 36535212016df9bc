/* users: who may log in, and which roles they have. */
#include "store/users.h"

#include <string.h>
#include <strings.h>

#include "api/change.h"
#include "api/login.h"

static enum status say_shown(struct api_answer *a, enum status st, json_t *shown,
                             const struct store_problem *problem, struct err *err)
{
    TRY(api_problem(a, st, problem, err));
    return api_refused(a) ? ST_OK : api_say(a, 0, shown);
}

/* Takes the names' `name` or `parent`. */
static json_t *array_of(const struct store_names *names, bool of_parents)
{
    json_t *list = json_array();
    for (size_t i = 0; i < names->n && list != NULL; i++) {
        const char *text = of_parents ? names->list[i].parent : names->list[i].name;
        if (json_array_append_new(list, json_string(text)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static enum status list(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct store_problem problem = { 0 };
    struct store_names names = { 0 };
    TRY(api_problem(a, users_list(r->store, &names, &problem), &problem, err));
    json_t *users = array_of(&names, false);
    store_names_deinit(&names);
    return api_say(a, 0, users);
}

static struct user_fields fields_of(const struct api_request *r, const char *email)
{
    return (struct user_fields){ .email = email,
                                 .first_name = api_json_str(r, "firstName"),
                                 .last_name = api_json_str(r, "lastName"),
                                 .password = api_json_str(r, "password") };
}

static enum status show_one(struct api_request *r, struct api_answer *a, const char *email,
                            struct err *err)
{
    struct store_problem problem = { 0 };
    json_t *shown = NULL;
    enum status st = users_show(r->store, email, &shown, &problem);
    return say_shown(a, st, shown, &problem, err);
}

static enum status make(struct api_request *r, struct api_answer *a, void *arg, struct err *err)
{
    struct store_problem problem = { 0 };
    const char *email = api_json_str(r, "emailId");
    struct user_fields fields = fields_of(r, email);
    (void)arg;
    TRY(api_problem(a, users_create(r->store, &fields, &problem), &problem, err));
    return api_refused(a) ? ST_OK : show_one(r, a, email, err);
}

static enum status create(struct api_request *r, struct api_answer *a, struct err *err)
{
    if (api_json_str(r, "emailId") == NULL || api_json_str(r, "password") == NULL) {
        return api_refuse(a, 400, "usermanagement.InvalidUser", "emailId and password are needed");
    }
    return api_change(r, a, make, NULL, err);
}

/* Users may see and change themselves; others need the right to all users. */
static enum status may_touch(struct api_request *r, struct api_answer *a, struct err *err)
{
    bool may = strcasecmp(r->user, api_param(r, "u")) == 0;
    if (!may) {
        TRY(api_may(r->store, r->user, API_RIGHT_SYSTEM, "", &may, err));
    }
    return may ? ST_OK
               : api_refuse(a, 403, "security.Forbidden",
                            "only the user and a sysadmin may do this");
}

static enum status show(struct api_request *r, struct api_answer *a, struct err *err)
{
    TRY(may_touch(r, a, err));
    return api_refused(a) ? ST_OK : show_one(r, a, api_param(r, "u"), err);
}

static enum status change(struct api_request *r, struct api_answer *a, void *arg, struct err *err)
{
    struct store_problem problem = { 0 };
    struct user_fields fields = fields_of(r, api_param(r, "u"));
    (void)arg;
    TRY(api_problem(a, users_change(r->store, &fields, &problem), &problem, err));
    return api_refused(a) ? ST_OK : show_one(r, a, fields.email, err);
}

static enum status update(struct api_request *r, struct api_answer *a, struct err *err)
{
    TRY(may_touch(r, a, err));
    return api_refused(a) ? ST_OK : api_change(r, a, change, NULL, err);
}

static enum status unmake(struct api_request *r, struct api_answer *a, void *arg, struct err *err)
{
    struct store_problem problem = { 0 };
    (void)arg;
    TRY(show_one(r, a, api_param(r, "u"), err)); /* the answer is what was deleted */
    if (api_refused(a)) {
        return ST_OK;
    }
    return api_problem(a, users_delete(r->store, api_param(r, "u"), &problem), &problem, err);
}

static enum status delete (struct api_request *r, struct api_answer *a, struct err *err) {
    return api_change(r, a, unmake, NULL, err);
}

static enum status show_roles(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct store_problem problem = { 0 };
    json_t *shown = NULL;
    TRY(may_touch(r, a, err));
    if (api_refused(a)) {
        return ST_OK;
    }
    enum status st = users_show_roles(r->store, api_param(r, "u"), &shown, &problem);
    return say_shown(a, st, shown, &problem, err);
}

/* --- roles, of an organization or (without {o}) of the installation --- */

static bool is_in_organization(const struct api_request *r)
{
    return api_param(r, "o")[0] != '\0';
}

static enum status list_roles(struct api_request *r, struct api_answer *a, struct err *err)
{
    json_t *roles = json_array();
    (void)err;
    for (enum role role = 0; role < N_ROLES && roles != NULL; role++) {
        if (role_is_global(role) != is_in_organization(r) &&
            json_array_append_new(roles, json_string(role_id(role))) != 0) {
            json_decref(roles);
            return ST_NOMEM;
        }
    }
    return api_say(a, 0, roles);
}

static enum status find_role(struct api_request *r, struct api_answer *a, enum role *out)
{
    const char *name = api_param(r, "role");
    if (role_parse(name, out) && role_is_global(*out) != is_in_organization(r)) {
        return ST_OK;
    }
    return api_refuse(a, 404, problem_code(PROBLEM_ID_ROLE_UNKNOWN), "Role %s does not exist %s",
                      name, is_in_organization(r) ? "in an organization" : "in the installation");
}

static enum status show_role(struct api_request *r, struct api_answer *a, struct err *err)
{
    enum role role = 0;
    (void)err;
    TRY(find_role(r, a, &role));
    return api_refused(a) ? ST_OK
                          : api_say(a, 0,
                                    json_pack("{s:s, s:s}", "name", role_id(role), "description",
                                              role_says(role)));
}

static enum status list_members(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct store_problem problem = { 0 };
    struct store_names names = { 0 };
    enum role role = 0;
    TRY(find_role(r, a, &role));
    if (api_refused(a)) {
        return ST_OK;
    }
    enum status st = users_of_role(r->store, api_param(r, "o"), role, &names, &problem);
    TRY(api_problem(a, st, &problem, err));
    json_t *users = array_of(&names, true);
    store_names_deinit(&names);
    return api_refused(a) ? ST_OK : api_say(a, 0, users);
}

/* ?id=, a form's id, {"id":...}, <User id="..."/>. */
static const char *member_said(const struct api_request *r)
{
    const char *id = r->json == NULL ? api_field(r, "id") : api_json_str(r, "id");
    return id != NULL || r->json == NULL ? id : api_json_str(r, "emailId");
}

struct granting {
    const char *email;
    enum role role;
};

static enum status grant(struct api_request *r, struct api_answer *a, void *arg, struct err *err)
{
    struct store_problem problem = { 0 };
    const struct granting *g = arg;
    enum status st = users_grant(r->store, g->email, api_param(r, "o"), g->role, &problem);
    TRY(api_problem(a, st, &problem, err));
    if (api_refused(a)) {
        return ST_OK;
    }
    json_t *shown = NULL;
    st = users_show_roles(r->store, g->email, &shown, &problem);
    return say_shown(a, st, shown, &problem, err);
}

static enum status add_member(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct granting g = { .email = member_said(r) };
    TRY(find_role(r, a, &g.role));
    if (api_refused(a)) {
        return ST_OK;
    }
    if (g.email == NULL) {
        return api_refuse(a, 400, "usermanagement.InvalidUser", "id=... has to name the user");
    }
    return api_change(r, a, grant, &g, err);
}

static enum status revoke(struct api_request *r, struct api_answer *a, void *arg, struct err *err)
{
    struct store_problem problem = { 0 };
    const struct granting *g = arg;
    enum status st = users_revoke(r->store, g->email, api_param(r, "o"), g->role, &problem);
    TRY(api_problem(a, st, &problem, err));
    if (api_refused(a)) {
        return ST_OK;
    }
    json_t *shown = NULL;
    st = users_show_roles(r->store, g->email, &shown, &problem);
    return say_shown(a, st, shown, &problem, err);
}

static enum status remove_member(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct granting g = { .email = api_param(r, "u") };
    TRY(find_role(r, a, &g.role));
    return api_refused(a) ? ST_OK : api_change(r, a, revoke, &g, err);
}

/* clang-format off: a table reads by columns */
#define ANY_BODY (API_BODY_JSON | API_BODY_XML | API_BODY_FORM | API_BODY_OPTIONAL)
static const struct api_route routes[] = {
    { API_GET, "/users", API_RIGHT_SYSTEM, list, "listUsers", "E-mail addresses of the users", NULL,
      API_BODY_NONE, NULL, "Names", API_OUT_DOCUMENT, 200, NULL, 0 },
    { API_POST, "/users", API_RIGHT_SYSTEM, create, "createUser", "Make a user without any role",
      NULL, API_BODY_JSON | API_BODY_XML, "NewUser", "User", API_OUT_DOCUMENT, 201, "User", 0 },
    { API_GET, "/users/{u}", API_RIGHT_LOGIN, show, "getUser",
      "A user; oneself, or any for a sysadmin", NULL, API_BODY_NONE, NULL, "User", API_OUT_DOCUMENT,
      200, "User", 0 },
    { API_PUT, "/users/{u}", API_RIGHT_LOGIN, update, "updateUser",
      "Change name or password; of oneself, or of any for a sysadmin", NULL,
      API_BODY_JSON | API_BODY_XML, "UserChange", "User", API_OUT_DOCUMENT, 200, "User", 0 },
    { API_DELETE, "/users/{u}", API_RIGHT_SYSTEM, delete, "deleteUser",
      "Delete a user and the roles granted", NULL, API_BODY_NONE, NULL, "User", API_OUT_DOCUMENT,
      200, "User", 0 },
    { API_GET, "/users/{u}/userroles", API_RIGHT_LOGIN, show_roles, "getUserRoles",
      "The roles of a user; of oneself, or of any for a sysadmin", NULL, API_BODY_NONE, NULL,
      "UserRoles", API_OUT_DOCUMENT, 200, "UserRoles", 0 },
    { API_GET, "/userroles", API_RIGHT_SYSTEM, list_roles, "listSystemRoles",
      "Names of the roles of the installation", NULL, API_BODY_NONE, NULL, "Names",
      API_OUT_DOCUMENT, 200, NULL, 0 },
    { API_GET, "/userroles/{role}", API_RIGHT_SYSTEM, show_role, "getSystemRole",
      "What a role of the installation is for", NULL, API_BODY_NONE, NULL, "UserRole",
      API_OUT_DOCUMENT, 200, "UserRole", 0 },
    { API_GET, "/userroles/{role}/users", API_RIGHT_SYSTEM, list_members, "listSystemRoleUsers",
      "Who has a role of the installation", NULL, API_BODY_NONE, NULL, "Names", API_OUT_DOCUMENT,
      200, NULL, 0 },
    { API_POST, "/userroles/{role}/users", API_RIGHT_SYSTEM, add_member, "grantSystemRole",
      "Grant a role of the installation", "id", ANY_BODY, "RoleMember", "UserRoles",
      API_OUT_DOCUMENT, 200, "UserRoles", 0 },
    { API_DELETE, "/userroles/{role}/users/{u}", API_RIGHT_SYSTEM, remove_member,
      "revokeSystemRole", "Take a role of the installation away", NULL, API_BODY_NONE, NULL,
      "UserRoles", API_OUT_DOCUMENT, 200, "UserRoles", 0 },
    { API_GET, "/organizations/{o}/userroles", API_RIGHT_READ, list_roles, "listRoles",
      "Names of the roles in an organization", NULL, API_BODY_NONE, NULL, "Names", API_OUT_DOCUMENT,
      200, NULL, 0 },
    { API_GET, "/organizations/{o}/userroles/{role}", API_RIGHT_READ, show_role, "getRole",
      "What a role is for", NULL, API_BODY_NONE, NULL, "UserRole", API_OUT_DOCUMENT, 200,
      "UserRole", 0 },
    { API_GET, "/organizations/{o}/userroles/{role}/users", API_RIGHT_ADMINISTER, list_members,
      "listRoleUsers", "Who has a role in an organization", NULL, API_BODY_NONE, NULL, "Names",
      API_OUT_DOCUMENT, 200, NULL, 0 },
    { API_POST, "/organizations/{o}/userroles/{role}/users", API_RIGHT_ADMINISTER, add_member,
      "grantRole", "Grant a role in an organization", "id", ANY_BODY, "RoleMember", "UserRoles",
      API_OUT_DOCUMENT, 200, "UserRoles", 0 },
    { API_DELETE, "/organizations/{o}/userroles/{role}/users/{u}", API_RIGHT_ADMINISTER,
      remove_member, "revokeRole", "Take a role in an organization away", NULL, API_BODY_NONE, NULL,
      "UserRoles", API_OUT_DOCUMENT, 200, "UserRoles", 0 },
};

#define NAMES "\"firstName\":{\"type\":\"string\"},\"lastName\":{\"type\":\"string\"}"
static const struct api_schema schemas[] = {
    { "User", "{\"type\":\"object\",\"required\":[\"emailId\"],\"properties\":{"
              "\"emailId\":{\"type\":\"string\"}," NAMES "}}" },
    { "NewUser",
      "{\"type\":\"object\",\"required\":[\"emailId\",\"password\"],\"properties\":{"
      "\"emailId\":{\"type\":\"string\"},\"password\":{\"type\":\"string\",\"minLength\":8}," NAMES
      "}}" },
    { "UserChange", "{\"type\":\"object\",\"properties\":{\"emailId\":{\"type\":\"string\"},"
                    "\"password\":{\"type\":\"string\",\"minLength\":8}," NAMES "}}" },
    { "UserRole",
      "{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{\"name\":{\"type\":\"string\"},"
      "\"description\":{\"type\":\"string\"}}}" },
    { "UserRoles",
      "{\"type\":\"object\",\"required\":[\"role\"],\"properties\":{\"role\":{\"type\":\"array\","
      "\"items\":{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{"
      "\"name\":{\"type\":\"string\"},\"organization\":{\"type\":\"string\"}}}}}}" },
    { "RoleMember",
      "{\"type\":\"object\",\"required\":[\"id\"],\"properties\":{\"id\":{\"type\":\"string\"}}}" },
};
/* clang-format on */

const struct api_table api_table_users = { "Users and roles", routes, ARRAY_LEN(routes), schemas,
                                           ARRAY_LEN(schemas) };
