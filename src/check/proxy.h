/*
 * proxy: issuers whose names are those of TLS-inspecting products.
 *
 * A name proves nothing; it says where to look. The table is proxies.def.
 */
#ifndef HANDFAST_CHECK_PROXY_H
#define HANDFAST_CHECK_PROXY_H

/* What the product is, for a sentence; NULL where the name is none of them. */
const char *proxy_by_name(const char *issuer);

#endif
