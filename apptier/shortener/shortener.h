/* SPDX-License-Identifier: BSD-3-Clause */
/* The link shortener: the module that is bundled with the app tier.
 *
 *   POST   /api/owners                  → 201 and a token, by which its holder owns links
 *   POST   /api/links                   {"url": "https://..."} → 201 and the link
 *   GET    /api/links                   the owner's links, newest first, page by page; searched
 *   GET    /api/links.csv               all of them, as CSV
 *   GET    /api/links/CODE              one link with its count of visits
 *   GET    /api/links/CODE/days         its visits by day
 *   GET    /api/links/CODE/qr.svg, .png its QR code
 *   PATCH  /api/links/CODE              changes it
 *   DELETE /api/links/CODE              ends it
 *   GET    /l/CODE                      to the link's URL; counts the visit
 *   GET    /api/openapi.json            all of this for programs (openapi.json)
 */
#ifndef APPTIER_SHORTENER_SHORTENER_H
#define APPTIER_SHORTENER_SHORTENER_H

#include "apptier/module.h"

#define LINK_API_PATH "/api/links"
#define LINK_REDIRECT_PREFIX "/l/"

extern const struct app_module shortener_module;

#endif /* APPTIER_SHORTENER_SHORTENER_H */
