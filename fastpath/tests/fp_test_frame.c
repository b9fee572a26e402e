#include "fp_test_frame.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint16_t fp_test_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t fp_test_be32(const uint8_t *p)
{
	return (uint32_t)fp_test_be16(p) << 16 | fp_test_be16(p + 2);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

// RFC 1071, byte by byte, host order, folded.
static uint32_t sum_bytes(const uint8_t *p, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i++) {
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static uint32_t pseudo_sum(const uint8_t *ip, uint32_t l4_len, uint8_t proto)
{
	bool v6 = ip[0] >> 4 == 6;
	uint32_t sum = sum_bytes(ip + (v6 ? 8 : 12), v6 ? 32 : 8, 0);
	uint8_t tail[8] = { l4_len >> 24, l4_len >> 16, l4_len >> 8, l4_len, 0, 0, 0, proto };

	return sum_bytes(tail, 8, sum);
}

static uint32_t build_eth(uint8_t *b, uint32_t o, bool vlan, uint16_t type)
{
	memcpy(b + o, "\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01", 12);
	o += 12;
	if (vlan) {
		memcpy(b + o, "\x81\x00\x20\x64", 4);
		o += 4;
	}
	put16(b + o, type);
	return o + 2;
}

static uint32_t build_ip(uint8_t *b, uint32_t o, bool v6, uint8_t proto, uint32_t end)
{
	uint8_t *p = b + o;

	if (v6) {
		memset(p, 0, 40);
		p[0] = 0x60;
		put16(p + 4, end - o - 40);
		p[6] = proto;
		p[7] = 64;
		p[8] = 0xfd;
		p[23] = 1;
		p[24] = 0xfd;
		p[39] = 2;
		return o + 40;
	}
	memcpy(p, "\x45\x02\0\0\xff\xf0\x40\0\x40\0\0\0\x0a\x01\0\x01\x0a\x01\0\x02", 20);
	p[9] = proto;
	put16(p + 2, end - o);
	put16(p + 10, ~sum_bytes(p, 20, 0));
	return o + 20;
}

static uint32_t outer_len(int outer)
{
	return outer ? (outer == 6 ? 14 + 40 + 16 : 14 + 20 + 16) : 0;
}

static uint32_t build_outer(uint8_t *b, uint32_t o, int outer, bool csum, uint32_t end)
{
	uint32_t l3 = build_eth(b, o, false, outer == 6 ? 0x86dd : 0x0800);
	uint32_t l4 = build_ip(b, l3, outer == 6, IPPROTO_UDP, end);

	put16(b + l4, 50000);
	put16(b + l4 + 2, 4789);
	put16(b + l4 + 4, end - l4);
	put16(b + l4 + 6, csum ? pseudo_sum(b + l3, end - l4, IPPROTO_UDP) : 0);
	memcpy(b + l4 + 8, "\x08\0\0\0\0\x04\x57\0", 8); // VNI 1111
	return l4 + 16;
}

void fp_test_build(struct fp_test_frame *f, const struct fp_test_spec *s)
{
	uint32_t l4_len = s->proto == IPPROTO_TCP ? 20u + s->tcp_options : 8;
	uint32_t outer = outer_len(s->outer) + outer_len(s->twice), o = 0, l3;
	uint8_t *b = f->b;

	f->len = outer + 14 + (s->vlan ? 4 : 0) + (s->v6 ? 40 : 20) + l4_len + s->payload;
	if (f->len > FP_TEST_FRAME_MAX)
		abort();
	if (s->twice)
		o = build_outer(b, o, s->twice, s->outer_csum, f->len);
	if (s->outer)
		o = build_outer(b, o, s->outer, s->outer_csum, f->len);
	l3 = build_eth(b, o, s->vlan, s->v6 ? 0x86dd : 0x0800);
	f->l4 = build_ip(b, l3, s->v6, s->proto, f->len);
	f->payload = f->l4 + l4_len;
	f->field = s->proto == IPPROTO_TCP ? 16 : 6;
	memset(b + f->l4, 0, l4_len);
	put16(b + f->l4, 40000);
	put16(b + f->l4 + 2, 5001);
	if (s->proto == IPPROTO_TCP) {
		memcpy(b + f->l4 + 4, "\xff\xff\xfc\x00\x01\x02\x03\x04", 8);
		b[f->l4 + 12] = (uint8_t)(l4_len / 4 << 4);
		b[f->l4 + 13] = s->tcp_flags;
		put16(b + f->l4 + 14, 0x1000);
		memset(b + f->l4 + 20, 1, s->tcp_options); // no-operation
	} else {
		put16(b + f->l4 + 4, f->len - f->l4);
	}
	put16(b + f->l4 + f->field, pseudo_sum(b + l3, f->len - f->l4, s->proto));
	for (uint32_t i = f->payload; i < f->len; i++)
		b[i] = (uint8_t)rand();
}

const char *fp_test_judge(const uint8_t *b, uint32_t len)
{
	uint32_t o = 12, l4, end;
	const uint8_t *ip;
	uint8_t proto;

	while (fp_test_be16(b + o) == 0x8100)
		o += 4;
	o += 2;
	ip = b + o;
	if (ip[0] >> 4 == 4) {
		if (sum_bytes(ip, 20, 0) != 0xffff)
			return "IPv4 header checksum";
		end = o + fp_test_be16(ip + 2);
		proto = ip[9];
		l4 = o + 20;
	} else {
		end = o + 40 + fp_test_be16(ip + 4);
		proto = ip[6];
		l4 = o + 40;
	}
	if (end != len)
		return "IP length";
	if (proto == IPPROTO_UDP && fp_test_be16(b + l4 + 4) != len - l4)
		return "UDP length";
	if ((proto == IPPROTO_TCP || fp_test_be16(b + l4 + 6)) &&
	    sum_bytes(b + l4, len - l4, pseudo_sum(ip, len - l4, proto)) != 0xffff)
		return proto == IPPROTO_TCP ? "TCP checksum" : "UDP checksum";
	if (proto == IPPROTO_UDP && fp_test_be16(b + l4 + 2) == 4789)
		return fp_test_judge(b + l4 + 16, len - l4 - 16);
	return NULL;
}

void *fp_test_pcap_open(const char *path)
{
	const uint32_t hdr[6] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, 262144, 1 };
	FILE *f = fopen(path, "w");

	if (f && fwrite(hdr, sizeof(hdr), 1, f) == 1)
		return f;
	abort();
}

void fp_test_pcap_put(void *file, const uint8_t *b, uint32_t len)
{
	const uint32_t hdr[4] = { 0, 0, len, len };

	if (fwrite(hdr, sizeof(hdr), 1, file) != 1 || fwrite(b, len, 1, file) != 1)
		abort();
}

void fp_test_pcap_close(void *file)
{
	if (fclose(file))
		abort();
}

int fp_test_tshark_bad(const char *path)
{
	char cmd[1024];
	FILE *p;
	int n = -1;

	if (system("command -v tshark >/dev/null 2>&1"))
		return -1;
	snprintf(cmd, sizeof(cmd),
		 "tshark -r '%s' -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE "
		 "-o udp.check_checksum:TRUE -Y 'ip.checksum.status == \"Bad\" || "
		 "tcp.checksum.status == \"Bad\" || udp.checksum.status == \"Bad\" || "
		 "ip.bogus_ip_length || udp.length.bad' 2>/dev/null | wc -l",
		 path);
	p = popen(cmd, "r");
	if (!p || fscanf(p, "%d", &n) != 1)
		abort();
	pclose(p);
	return n;
}
