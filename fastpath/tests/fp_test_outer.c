#include "fp_test_outer.h"

#include <string.h>

void fp_test_put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

uint32_t fp_test_sum(const uint8_t *p, uint32_t n, uint32_t sum)
{
	for (uint32_t i = 0; i < n; i++) {
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

uint32_t fp_test_udp_sum(const uint8_t *ip, const uint8_t *udp, bool v6)
{
	uint32_t len = (uint32_t)(udp[4] << 8 | udp[5]);
	uint32_t sum = fp_test_sum(ip + (v6 ? 8 : 12), v6 ? 32 : 8, 17 + len);

	return fp_test_sum(udp, len, sum);
}

void fp_test_fill_ip(struct fp_test_outer *f)
{
	uint8_t *ip = f->b + f->l3;

	if (f->v6)
		return;
	fp_test_put16(ip + 10, 0);
	fp_test_put16(ip + 10, ~fp_test_sum(ip, 20, 0));
}

void fp_test_fill_udp(struct fp_test_outer *f)
{
	uint8_t *udp = f->b + f->l4;
	uint32_t csum;

	fp_test_put16(udp + 6, 0);
	csum = ~fp_test_udp_sum(f->b + f->l3, udp, f->v6) & 0xffff;
	fp_test_put16(udp + 6, csum ? csum : 0xffff);
}

void fp_test_wrap(struct fp_test_outer *f, bool v6, bool vlan, const uint8_t *inner, uint32_t len)
{
	static const uint8_t macs[12] = { 2, 0, 0, 0, 1, 2, 2, 0, 0, 0, 1, 1 };
	static const uint8_t tag[4] = { 0x81, 0x00, 0x20, 9 };
	static const uint8_t ip4[20] = { 0x45, 0, 0,    0,  0, 0, 0x40, 0,    64, 17,
					 0,    0, 0xac, 16, 0, 2, 0xac, 0x10, 0,  1 };
	static const uint8_t vxlan[8] = { 8, 0, 0, 0, 0, 0x04, 0x57, 0 };
	uint8_t *p = f->b;

	memset(f, 0, sizeof(*f));
	f->v6 = v6;
	f->l3 = vlan ? 18 : 14;
	f->l4 = (uint16_t)(f->l3 + (v6 ? 40 : 20));
	f->len = f->l4 + 16U + len;
	memcpy(p, macs, 12);
	if (vlan)
		memcpy(p + 12, tag, 4);
	fp_test_put16(p + f->l3 - 2, v6 ? 0x86dd : 0x0800);
	p += f->l3;
	if (v6) {
		p[0] = 0x60;
		fp_test_put16(p + 4, 16 + len);
		p[6] = 17;
		p[7] = 64;
		p[8] = p[24] = 0xfd;
		p[23] = 2;
		p[39] = 1;
	} else {
		memcpy(p, ip4, 20);
		fp_test_put16(p + 2, 36 + len);
		fp_test_fill_ip(f);
	}
	p = f->b + f->l4;
	fp_test_put16(p, 40000);
	fp_test_put16(p + 2, 4789);
	fp_test_put16(p + 4, 16 + len);
	memcpy(p + 8, vxlan, 8);
	memcpy(p + 16, inner, len);
}
