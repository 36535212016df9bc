/* What nginx asks a shared object for (ngx_load_module()). nginx's own build writes this file
 * itself. */
#include "nginx/module.h"
#include "nginx/north.h"
#include "nginx/south.h"

#pragma GCC visibility push(default)
extern ngx_module_t *ngx_modules[];
extern char *ngx_module_names[];
extern char *ngx_module_order[];
#pragma GCC visibility pop

ngx_module_t *ngx_modules[] = { &ngx_http_handfast_module, &ngx_http_handfast_north_module,
                                &ngx_http_handfast_south_module, NULL };
static char module_name[] = "ngx_http_handfast_module";
static char north_name[] = "ngx_http_handfast_north_module";
static char south_name[] = "ngx_http_handfast_south_module";
char *ngx_module_names[] = { module_name, north_name, south_name, NULL };
char *ngx_module_order[] = { NULL };
