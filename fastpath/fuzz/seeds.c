// Writes the first inputs of the fuzz targets: seeds FOLDER makes files in
// FOLDER/fuzz_parse and FOLDER/fuzz_action, which must exist.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tests/fp_test_outer.h"
#include "fp_action.h"

static const char *folder;

static void put(const char *target, const char *name, const void *data, size_t n, int first)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s/%s", folder, target, name);
	FILE *f = fopen(path, "w");

	if (!f || (first >= 0 && fputc(first, f) == EOF) || (n && fwrite(data, n, 1, f) != 1) ||
	    fclose(f) != 0) {
		perror(path);
		exit(1);
	}
}

// An IPv4 frame with l4 bytes of a protocol behind the header.
static uint32_t ip4(uint8_t *p, uint8_t proto, uint32_t l4)
{
	struct fp_test_outer f = { .l3 = 14 };

	memset(f.b, 2, 12);
	fp_test_put16(f.b + 12, 0x0800);
	f.b[14] = 0x45;
	fp_test_put16(f.b + 16, 20 + l4);
	f.b[22] = 64;
	f.b[23] = proto;
	f.b[26] = 10;
	f.b[30] = 10;
	fp_test_fill_ip(&f);
	f.b[34 + 12] = 0x50; // TCP: length of its header
	memcpy(p, f.b, 34 + l4);
	return 34 + l4;
}

static void frames(void)
{
	// Neighbour solicitation with a source address option (RFC 4861 section 4.3), behind
	// a hop-by-hop header.
	static const uint8_t nd[] = { 58, 0, 1,    4, 0, 0, 0, 0, 135, 0, 0, 0, 0, 0,
				      0,  0, 0xfd, 0, 0, 0, 0, 0, 0,   0, 0, 0, 0, 0,
				      0,  0, 0,    9, 1, 1, 2, 0, 0,   0, 0, 7 };
	static const uint8_t arp[28] = { 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1 };
	static const uint8_t snap[8] = { 0xaa, 0xaa, 3, 0, 0, 0, 8, 0 };
	struct fp_test_outer f;
	uint8_t p[512] = { 0 };

	put("fuzz_parse", "udp", p, ip4(p, 17, 26), 0);
	put("fuzz_parse", "tcp", p, ip4(p, 6, 20), 0);
	put("fuzz_parse", "icmp", p, ip4(p, 1, 8), 0);
	put("fuzz_parse", "udp-more", p, ip4(p, 17, 40), 20);
	for (int shape = 0; shape < 4; shape++) {
		char name[16];

		fp_test_wrap(&f, shape & 1, shape & 2, p, 74);
		snprintf(name, sizeof(name), "vxlan-%d", shape);
		put("fuzz_parse", name, f.b, f.len, 0);
	}
	fp_test_wrap(&f, true, false, p, 74);
	f.b[14 + 6] = 0;
	fp_test_put16(f.b + 14 + 4, sizeof(nd));
	memcpy(f.b + 54, nd, sizeof(nd));
	put("fuzz_parse", "nd", f.b, 54 + sizeof(nd), 0);
	memset(p, 2, 12);
	fp_test_put16(p + 12, 0x0806);
	memcpy(p + 14, arp, sizeof(arp));
	put("fuzz_parse", "arp", p, 42, 0);
	fp_test_put16(p + 12, 40);
	memcpy(p + 14, snap, sizeof(snap));
	put("fuzz_parse", "snap", p, 54, 0);
}

static void actions(void)
{
	static uint8_t b[512] __attribute__((aligned(8)));
	struct fp_act_u32 out = { { FP_ACT_OUTPUT, 8 }, 2 };
	struct fp_act_hdr *clone = (void *)b;
	struct fp_act_tnl_push push = { .h = { FP_ACT_TNL_PUSH, 0 }, .tnl_type = FP_TNL_VXLAN };
	struct fp_test_outer f;
	size_t n;

	put("fuzz_action", "empty", b, 0, -1);
	put("fuzz_action", "output", &out, 8, -1);
	for (uint16_t type = FP_ACT_OUTPUT; type <= FP_ACT_CLONE; type++) {
		char name[16];

		memset(b, 0, sizeof(b));
		*clone = (struct fp_act_hdr){ type, 80 };
		b[4] = 6; // SET_TP: TCP
		snprintf(name, sizeof(name), "type-%u", type);
		put("fuzz_action", name, b, 80, -1);
	}
	for (int v6 = 0; v6 < 2; v6++) {
		fp_test_wrap(&f, v6, false, b, 0);
		push.header_len = (uint16_t)f.len;
		push.h.len = (uint16_t)(sizeof(push) + (f.len + 3) / 4 * 4);
		memset(b, 0, sizeof(b));
		memcpy(b + 4, &push, sizeof(push));
		memcpy(b + 4 + sizeof(push), f.b, f.len);
		n = 4 + (size_t)push.h.len;
		memcpy(b + n, &out, 8);
		*clone = (struct fp_act_hdr){ FP_ACT_CLONE, (uint16_t)(n + 8) };
		memcpy(b + n + 8, &out, 8);
		put("fuzz_action", v6 ? "push6" : "push4", b + 4, n + 4, -1);
		put("fuzz_action", v6 ? "clone6" : "clone4", b, n + 16, -1);
	}
	// A push whose header is said to be longer than its record.
	push.h.len = (uint16_t)(sizeof(push) + 24);
	memcpy(b, &push, sizeof(push));
	memcpy(b + sizeof(push), f.b, 24);
	put("fuzz_action", "push-lies", b, push.h.len, -1);
	// Clones in clones, as deep as may be and one deeper.
	for (uint16_t deep = 4; deep <= 5; deep++) {
		for (uint16_t i = 0; i < deep; i++)
			clone[i] =
				(struct fp_act_hdr){ FP_ACT_CLONE, (uint16_t)((deep - i) * 4 + 8) };
		memcpy(clone + deep, &out, 8);
		put("fuzz_action", deep == 4 ? "nested" : "nested-more", b, deep * 4U + 8, -1);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: seeds FOLDER\n");
		return 2;
	}
	folder = argv[1];
	frames();
	actions();
	return 0;
}
