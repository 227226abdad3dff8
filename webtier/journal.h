/* SPDX-License-Identifier: BSD-3-Clause */
/* The way to systemd's journal, for lines. */
#ifndef WEBTIER_JOURNAL_H
#define WEBTIER_JOURNAL_H

/* Returns a descriptor, each line written to which is an entry of this identifier; or a negative
 * errno. */
int journal_open(const char *identifier);

#endif /* WEBTIER_JOURNAL_H */
