/* SPDX-License-Identifier: BSD-3-Clause */
/* What somebody may have meant who mistyped a word. */
#ifndef CONTROLPLANE_WEIRCTL_NEAREST_H
#define CONTROLPLANE_WEIRCTL_NEAREST_H

#include <stddef.h>

/* The words that are nearest to one that is none of them. */
struct nearest {
	const char *word;
	size_t distance;
	char text[128]; /* "'services'" or "'drain' or 'undrain'"; "": none is near. */
};

void nearest_init(struct nearest *nearest, const char *word);

/* Considers 'candidate'. */
void nearest_add(struct nearest *nearest, const char *candidate);

#endif /* CONTROLPLANE_WEIRCTL_NEAREST_H */
