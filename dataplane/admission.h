/* SPDX-License-Identifier: BSD-3-Clause */
/* Which packets and flows a service takes that has limits or lists: what becomes of a packet before
 * and after its backend is chosen. Services without them never come here. */
#ifndef DATAPLANE_ADMISSION_H
#define DATAPLANE_ADMISSION_H

#include "dataplane/pipeline_data.h"

/* Whether the service's lists keep the packet's client out; then the pipeline's 'refusal' says so.
 */
bool admission_bars(
	const struct burst *burst, const struct path_service *service, const struct work *work);

/* Whether the packet is one too many; then the pipeline's 'refusal' says so. */
bool admission_exceeds(
	const struct burst *burst, const struct path_service *service, const struct work *work);

/* Whether the service may have the new flow and the backend that the scheduler has 'chosen' for it.
 * Returns that or another backend; 0: refused, and the pipeline's 'refusal' says why. */
uint16_t admission_backend(const struct burst *burst, const struct path_service *service,
	const struct work *work, uint16_t chosen);

#endif /* DATAPLANE_ADMISSION_H */
