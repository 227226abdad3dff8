/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An XDP program that unpacks what weir's tunnels bring, for backends whose kernel has no IPIP or
 * GUE device or that want the speed: it takes the outer headers off before the kernel sees the
 * packet. Build and attach it, and it works on its own until it is detached or the interface goes:
 *
 *     clang -O2 -target bpf -c decapsulate.bpf.c -o decapsulate.bpf.o     (or bpf-gcc -O2 -c ...)
 *     ip link set dev eth0 xdp object decapsulate.bpf.o section xdp
 *     ip link set dev eth0 xdp off
 *
 * It takes IP in IP (4 and 6 in 4 and 6) and GUE (variant 0) by UDP port GUE_PORT. What is inside
 * then comes in by the same interface like any packet: the host takes it if the virtual address is
 * on 'lo', and its packet filter sees it and may refuse it. What is no tunnel's packet passes as
 * it came; so do fragments and outer options: weir sends none, and no router on the way makes any
 * if the service's tunnel has the 'mtu' of the way.
 */

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#define SECTION(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
#define BE16(value) __builtin_bswap16(value)

#ifndef GUE_PORT
#define GUE_PORT 6080
#endif

/* include/uapi/linux/bpf.h numbers the helpers. */
static long (*const xdp_adjust_head)(
	struct xdp_md *ctx, int delta) = (void *)BPF_FUNC_xdp_adjust_head;

struct gue {
	__u8 variant; /* 2 bits; 1 bit: control; 5 bits: words of extensions. */
	__u8 protocol;
	__u16 flags;
};

/* The outer headers of a packet. */
struct outer {
	__u32 size;    /* 0: it is no tunnel's packet. */
	__u8 protocol; /* Of what is inside. */
	__u8 ecn;
};

enum {
	NOT_ECT,
	ECT1,
	ECT0,
	CE
};

INLINE void
read_outer4(struct outer *outer, const struct iphdr *ip, const void *end)
{
	if ((const void *)(ip + 1) > end || ip->version != 4 || ip->ihl != 5 ||
		ip->frag_off & BE16(0x3fff))
		return;
	outer->size = sizeof(*ip);
	outer->protocol = ip->protocol;
	outer->ecn = ip->tos & 3;
}

INLINE void
read_outer6(struct outer *outer, const struct ipv6hdr *ip, const void *end)
{
	if ((const void *)(ip + 1) > end || ip->version != 6)
		return;
	outer->size = sizeof(*ip);
	outer->protocol = ip->nexthdr;
	outer->ecn = ip->flow_lbl[0] >> 4 & 3;
}

/* UDP's checksum is not looked at: what is inside has its own. */
INLINE void
read_gue(struct outer *outer, const struct udphdr *udp, const void *end)
{
	const struct gue *gue = (const void *)(udp + 1);

	if ((const void *)(gue + 1) > end || udp->dest != BE16(GUE_PORT) || gue->variant != 0 ||
		gue->flags != 0) {
		outer->size = 0;
		return;
	}
	outer->size += sizeof(*udp) + sizeof(*gue);
	outer->protocol = gue->protocol;
}

/* The inner packet's ECN behind the tunnel (RFC 6040 4.2); -1: drop it. */
INLINE int
combine_ecn(__u8 outer, __u8 inner)
{
	if (outer == CE)
		return inner == NOT_ECT ? -1 : CE;
	return outer == ECT1 && inner == ECT0 ? ECT1 : inner;
}

/* The link-layer type of the inner packet, with its ECN mended; 0: drop it. */
INLINE __u16
mend_inner4(struct iphdr *ip, const void *end, __u8 outer_ecn)
{
	if ((void *)(ip + 1) > end || ip->version != 4)
		return 0;
	int ecn = combine_ecn(outer_ecn, ip->tos & 3);
	if (ecn < 0)
		return 0;
	/* RFC 1624: the checksum's complement grows by what the word with the ECN grows by. */
	__u32 sum = (__u16)~BE16(ip->check) + ((ip->tos & 3) ^ 0xffff) + (__u32)ecn;
	ip->tos = (ip->tos & 0xfc) | (__u8)ecn;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = BE16((__u16)~sum);
	return BE16(ETH_P_IP);
}

INLINE __u16
mend_inner6(struct ipv6hdr *ip, const void *end, __u8 outer_ecn)
{
	if ((void *)(ip + 1) > end || ip->version != 6)
		return 0;
	int ecn = combine_ecn(outer_ecn, ip->flow_lbl[0] >> 4 & 3);
	if (ecn < 0)
		return 0;
	ip->flow_lbl[0] = (ip->flow_lbl[0] & 0xcf) | (__u8)(ecn << 4);
	return BE16(ETH_P_IPV6);
}

SECTION("xdp")
int
decapsulate(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct outer outer = {0};

	if ((void *)(eth + 1) > end)
		return XDP_PASS;
	if (eth->h_proto == BE16(ETH_P_IP))
		read_outer4(&outer, (void *)(eth + 1), end);
	else if (eth->h_proto == BE16(ETH_P_IPV6))
		read_outer6(&outer, (void *)(eth + 1), end);
	if (outer.size && outer.protocol == IPPROTO_UDP)
		read_gue(&outer, (void *)(eth + 1) + outer.size, end);
	if (!outer.size || (outer.protocol != IPPROTO_IPIP && outer.protocol != IPPROTO_IPV6))
		return XDP_PASS;

	struct ethhdr frame = *eth;
	void *inner = (void *)(eth + 1) + outer.size;
	frame.h_proto = outer.protocol == IPPROTO_IPIP ? mend_inner4(inner, end, outer.ecn)
						       : mend_inner6(inner, end, outer.ecn);
	if (!frame.h_proto || xdp_adjust_head(ctx, (int)outer.size))
		return XDP_DROP;
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	*eth = frame;
	return XDP_PASS;
}

/* None of the helpers asks for the GPL. */
const char licence[] SECTION("license") = "BSD";
