/* SPDX-License-Identifier: BSD-3-Clause */
/* The link shortener: the module that is bundled with the app tier.
 *
 *   POST /api/links        {"url": "https://..."} → 201 and the link
 *   GET  /api/links        the links, newest first, page by page (limit, cursor)
 *   GET  /api/links/CODE   one link with its count of visits
 *   GET  /l/CODE           302 to the link's URL; counts the visit
 */
#ifndef APPTIER_SHORTENER_SHORTENER_H
#define APPTIER_SHORTENER_SHORTENER_H

#include "apptier/module.h"

extern const struct app_module shortener_module;

#endif /* APPTIER_SHORTENER_SHORTENER_H */
