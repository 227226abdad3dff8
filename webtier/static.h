/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers GET and HEAD with files of the site's root (RFC 9110: conditions, one range). */
#ifndef WEBTIER_STATIC_H
#define WEBTIER_STATIC_H

#include "common/http/http.h"
#include "webtier/file_cache.h"

#define STATIC_INDEX "index.html"

void static_handle(struct file_cache *cache, struct http_request *req);

#endif /* WEBTIER_STATIC_H */
