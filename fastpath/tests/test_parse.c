// The parser at every length: packets end exactly where their memory ends, so that
// a byte read too far is seen by AddressSanitizer; both parsers agree.
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "fp_test.h"
#include "fp_test_core.h"
#include "parse.h"

// Parses n bytes that stand at the very end of an allocation.
static int parse(const uint8_t *p, uint32_t n, struct fp_key *key, struct fp_layout *at)
{
	struct rte_mbuf m = { .data_len = (uint16_t)n, .pkt_len = n, .nb_segs = 1 };
	struct fp_md md = { .in_port = 5 };
	uint8_t *own = malloc(n ? n : 1);

	memcpy(own, p, n);
	m.buf_addr = own;
	memset(key, 0, sizeof(*key));
	memset(at, 0, sizeof(*at)); // a frame without Ethernet header leaves it alone
	int rc = fp_parse_full(&m, &md, key, at);
	struct fp_key_base fast;

	memset(&fast, 0, sizeof(fast));
	fast.in_port = 5;
	if (fp_parse_ip4(own, n, n, &fast)) {
		CHECK_EQ(rc, 0);
		CHECK(memcmp(&fast, &key->base, FP_BASE_COMPARED) == 0, "parsers differ at %u", n);
	}
	free(own);
	return rc;
}

static void udp_cut(void)
{
	uint8_t p[256];
	uint32_t len = fp_test_udp(p, 9, 0, 60);
	struct fp_layout at;
	struct fp_key k;

	for (uint32_t n = 0; n <= len; n++) {
		int rc = parse(p, n, &k, &at);

		CHECK_EQ(rc, n < 14 ? -1 : 0);
		// The total length says more than is there: no L3 before the last byte.
		CHECK_EQ(at.ip, n == len && rc == 0 ? 4 : 0);
		CHECK_EQ(k.base.be_tp_dst, n == len ? htons(80) : 0);
	}
}

// A total length that lies: every value.
static void ip_length_lies(void)
{
	uint8_t p[256];
	uint32_t len = fp_test_udp(p, 9, 0, 60);
	struct fp_layout at;
	struct fp_key k;

	for (uint32_t total = 0; total < 300; total++) {
		p[16] = (uint8_t)(total >> 8);
		p[17] = (uint8_t)total;
		CHECK_EQ(parse(p, len, &k, &at), 0);
		bool good = total >= 20 && total <= len - 14;

		CHECK_EQ(at.ip, good ? 4 : 0);
		CHECK_EQ(at.l4_read, good && total >= 28);
	}
	for (uint32_t ihl = 0; ihl < 16; ihl++) {
		p[14] = (uint8_t)(0x40 | ihl);
		p[16] = 0;
		p[17] = 88;
		CHECK_EQ(parse(p, len, &k, &at), 0);
		CHECK_EQ(at.ip, ihl >= 5 ? 4 : 0);
	}
}

// IPv6 with every kind of extension header, cut at every length.
static void ip6_chain_cut(void)
{
	static const uint8_t kinds[] = { 0, 43, 60, 51, 44, 58 };
	uint8_t p[14 + 40 + 16 * 5 + 32];
	struct fp_layout at;
	struct fp_key k;
	uint32_t len = 54;

	memset(p, 0, sizeof(p));
	p[12] = 0x86;
	p[13] = 0xdd;
	p[14] = 0x60;
	p[20] = kinds[0];
	for (int i = 0; i < 5; i++) {
		p[len] = kinds[i + 1];
		p[len + 1] = kinds[i] == 44 ? 0 : kinds[i] == 51 ? 2 : 1;
		len += kinds[i] == 44 ? 8 : 16;
	}
	p[len] = 135; // neighbour solicitation with one option
	p[len + 8] = 0xfe;
	p[len + 24] = 1;
	p[len + 25] = 1;
	p[len + 26] = 2;
	uint32_t end = len + 32;

	for (uint32_t n = 0; n <= end; n++) {
		uint32_t payload = n > 54 ? n - 54 : 0;

		p[18] = (uint8_t)(payload >> 8);
		p[19] = (uint8_t)payload;
		parse(p, n, &k, &at);
		if (n < 54)
			CHECK_EQ(k.base.lines & FP_LINE_IP6, 0);
		else
			CHECK_EQ(at.chain_cut, n < len);
		CHECK_EQ(at.nd, n >= len + 24);
	}
	CHECK_EQ(k.base.ip_proto, 58);
	CHECK_EQ(k.ip6.nd_sll[0], 2);
}

// Random bytes under plausible beginnings never read outside (the sanitizer's word).
static void noise(void)
{
	static const uint16_t types[] = { 0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8, 0x05dc };
	uint8_t p[160];
	struct fp_layout at;
	struct fp_key k;

	srand(1);
	for (int i = 0; i < 200000; i++) {
		uint16_t type = types[rand() % 6];
		uint32_t n = (uint32_t)rand() % sizeof(p);

		for (size_t b = 0; b < sizeof(p); b++)
			p[b] = (uint8_t)rand();
		p[12] = (uint8_t)(type >> 8);
		p[13] = (uint8_t)type;
		if (rand() % 2)
			p[14] = 0x45;
		if (rand() % 2)
			p[16] = 0;
		parse(p, n, &k, &at);
	}
	CHECK(fp_test_checks > 0);
}

int main(void)
{
	RUN(udp_cut);
	RUN(ip_length_lies);
	RUN(ip6_chain_cut);
	RUN(noise);
	return fp_test_done();
}
