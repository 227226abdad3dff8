/* SPDX-License-Identifier: BSD-3-Clause */
/* The statements that the shortener runs most: those that the benchmark runs straight at the
 * database, to be compared with. */
#ifndef APPTIER_SHORTENER_LINK_SQL_H
#define APPTIER_SHORTENER_LINK_SQL_H

#include "apptier/shortener/link_view.h"

/* One parameter, the code; behind the columns of a link_view its owner, and whether it was deleted.
 */
#define LINK_SQL_SELECT                                                              \
	"SELECT " LINK_VIEW_COLUMNS ", owner_id, deleted_at IS NOT NULL FROM links " \
	"WHERE code = ?"

/* Three parameters: code, URL, and when, as link_time_now() says. */
#define LINK_SQL_INSERT "INSERT INTO links (code, url, created_at) VALUES (?, ?, ?)"

#endif /* APPTIER_SHORTENER_LINK_SQL_H */
