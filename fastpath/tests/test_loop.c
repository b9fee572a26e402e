// Tunnel termination in the packet loop: with the short cut on and off, on every
// build of the loop that this CPU runs, the same frames give the same packets, the
// same counts of the outer and the inner flow, and the same drop reasons.
#include <string.h>

#include "fp_test.h"
#include "fp_test_outer.h"
#include "fp_test_pop.h"

static const char *const isas[] = { "generic", "avx2", "avx512" };

static bool isa_runs(const char *isa)
{
	struct fp_config cfg = {
		.n_mbufs = 1024, .max_flows = 64, .emc_entries = 64, .socket = -1
	};
	struct fp_err err;
	struct fp *fp;

	snprintf(cfg.isa, sizeof(cfg.isa), "%s", isa);
	if (fp_open(&cfg, &fp, &err) < 0) {
		CHECK(strstr(err.text, isa), "(%s)", err.text);
		return false;
	}
	CHECK(strcmp(fp_isa(fp), isa) == 0);
	CHECK_EQ(fp_close(fp), 0);
	return true;
}

// Sends a frame that must come out as inner; cut: by the short cut if that is on.
static void expect_pass(struct pop *r, const char *what, const struct fp_test_outer *f,
			const uint8_t *inner, uint32_t len, int cut)
{
	uint64_t before = pops(r);
	uint8_t p[4096];

	fp_test_inject(&r->t, 1, f->b, f->len);
	uint32_t got = fp_test_collect(&r->t, 2, p, sizeof(p));

	CHECK(got == len && memcmp(p, inner, len) == 0, "%s: %u bytes, not %u", what, got, len);
	if (cut >= 0)
		CHECK(pops(r) - before == (r->cut && cut), "%s: short cut", what);
	expect_drops(r, what, NULL, 0);
	r->packets++;
	r->bytes += f->len;
	r->in_packets++;
	r->in_bytes += len;
}

static void expect_drop(struct pop *r, const char *what, const struct fp_test_outer *f,
			const char *name)
{
	uint64_t before = pops(r);

	fp_test_inject(&r->t, 1, f->b, f->len);
	expect_drops(r, what, name, 1);
	CHECK(pops(r) == before, "%s: short cut", what);
	r->packets++;
	r->bytes += f->len;
}

static void pop_close(struct pop *r)
{
	struct fp_flow_stats s;
	uint8_t p[64];
	uint32_t n;

	fp_sync(r->t.fp);
	CHECK_EQ(fp_ring_collect(r->t.fp, 2, p, sizeof(p), &n, 1), 0);
	fp_flow_stats(r->t.fp, &r->outer, 1, &s);
	CHECK_EQ(s.packets, r->packets);
	CHECK_EQ(s.bytes, r->bytes);
	fp_flow_stats(r->t.fp, &r->inner, 1, &s);
	CHECK_EQ(s.packets, r->in_packets);
	CHECK_EQ(s.bytes, r->in_bytes);
	fp_test_core_close(&r->t);
}

// What varies from packet to packet, and what makes another header; all of it right.
static void good(struct pop *r)
{
	struct fp_test_outer f;
	uint8_t in[2048];
	uint32_t len = fp_test_udp(in, 5, 7, 18);

	fp_test_wrap(&f, r->v6, r->vlan, in, len);
	expect_pass(r, "first", &f, in, len, 0);
	expect_pass(r, "second", &f, in, len, 1);
	fp_test_put16(f.b + f.l4, 12345);
	expect_pass(r, "source port", &f, in, len, 1);
	if (r->v6) {
		f.b[f.l3 + 1] |= 0x07;
		f.b[f.l3 + 3] = 0x55;
		expect_pass(r, "flow label", &f, in, len, 1);
	} else {
		fp_test_put16(f.b + f.l3 + 4, 0xbeef);
		fp_test_fill_ip(&f);
		expect_pass(r, "identification", &f, in, len, 1);
	}
	f.len += 9;
	expect_pass(r, "padding", &f, in, len, 1);
	for (uint32_t payload = 0; payload < 1200; payload += 191) {
		len = fp_test_udp(in, 6, 1, payload);
		fp_test_wrap(&f, r->v6, r->vlan, in, len);
		expect_pass(r, "length", &f, in, len, 1);
	}
	f.b[f.l3 + (r->v6 ? 7 : 8)] = 33;
	fp_test_fill_ip(&f);
	expect_pass(r, "other ttl", &f, in, len, 0);
	expect_pass(r, "other ttl again", &f, in, len, 1);
	fp_test_fill_udp(&f);
	expect_pass(r, "UDP checksum", &f, in, len, 0);
	expect_pass(r, "UDP checksum again", &f, in, len, 1);
	f.b[f.len - 1] ^= 1;
	expect_drop(r, "UDP checksum wrong", &f, "tnl_udp_csum");
	// The shortest inner frame.
	fp_test_wrap(&f, r->v6, r->vlan, in, 14);
	f.len += 30; // padded as a NIC does
	expect_pass(r, "Ethernet header alone", &f, in, 14, 1);
}

// One wrong field each, behind a header that the short cut knows.
static void bad_fields(struct pop *r)
{
	static const struct {
		const char *what;
		int at; // from the UDP header; or from the IP header with ip
		bool ip;
		uint16_t v;
		const char *drop;
	} cases[] = {
		{ "UDP length 0", 4, false, 0, "tnl_truncated" },
		{ "UDP length 7", 4, false, 7, "tnl_truncated" },
		{ "UDP length 15", 4, false, 15, "tnl_truncated" },
		{ "no inner frame", 4, false, 16, "vxlan_inner_short" },
		{ "inner frame of 13", 4, false, 29, "vxlan_inner_short" },
		{ "UDP longer than IP", 4, false, 77, "tnl_truncated" },
		{ "UDP length 65535", 4, false, 65535, "tnl_truncated" },
		{ "UDP checksum", 6, false, 0x1234, "tnl_udp_csum" },
		{ "no flag I", 8, false, 0x0000, "vxlan_no_vni_flag" },
		{ "reserved flag", 8, false, 0x8800, "vxlan_reserved" },
		{ "reserved bits", 10, false, 0x0001, "vxlan_reserved" },
		{ "reserved byte", 14, false, 0x5701, "vxlan_reserved" },
		{ "other VNI", 14, false, 0x5800, "vxlan_unknown_vni" },
		{ "IP length 0", 2, true, 0, "tnl_truncated" },
		{ "IP length 19", 2, true, 19, "tnl_truncated" },
		{ "IP ends in UDP", 2, true, 27, "tnl_truncated" },
		{ "IP shorter than UDP", 2, true, 95, "tnl_truncated" },
		{ "IP longer than frame", 2, true, 97, "tnl_truncated" },
		{ "IP length 65535", 2, true, 65535, "tnl_truncated" },
		{ "fragment", 6, true, 0x2000, "tnl_fragment" },
		{ "later fragment", 6, true, 0x0001, "tnl_fragment" },
	};
	uint8_t in[256];
	uint32_t len = fp_test_udp(in, 5, 7, 18);
	struct fp_test_outer f;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint16_t v = cases[i].v;

		fp_test_wrap(&f, r->v6, r->vlan, in, len);
		if (cases[i].ip && r->v6) {
			// Payload length: what IPv4's total length says without its header.
			if (cases[i].at != 2 || v < 20)
				continue;
			fp_test_put16(f.b + f.l3 + 4, v == 65535 ? v : v - 20U);
		} else {
			fp_test_put16(f.b + (cases[i].ip ? f.l3 : f.l4) + cases[i].at, v);
			fp_test_fill_ip(&f);
		}
		expect_drop(r, cases[i].what, &f, cases[i].drop);
	}
	fp_test_wrap(&f, r->v6, r->vlan, in, len);
	if (!r->v6) {
		f.b[f.l3 + 10] ^= 1;
		expect_drop(r, "IP checksum", &f, "tnl_ip_csum");
	}
	fp_test_wrap(&f, r->v6, r->vlan, in, len);
	expect_pass(r, "still known", &f, in, len, 1);
}

// A frame cut at every length, its headers saying more.
static void cut_everywhere(struct pop *r)
{
	uint8_t in[256];
	uint32_t len = fp_test_udp(in, 5, 7, 18);
	uint64_t before = pops(r);
	struct fp_test_outer f;

	fp_test_wrap(&f, r->v6, r->vlan, in, len);
	for (uint32_t n = 1; n < 14; n++)
		fp_test_inject(&r->t, 1, f.b, n);
	expect_drops(r, "no Ethernet header", "eth_truncated", 13);
	if (r->vlan) {
		for (uint32_t n = 14; n < 18; n++)
			fp_test_inject(&r->t, 1, f.b, n);
		expect_drops(r, "tag cut", "action_error", 4);
	}
	for (uint32_t n = f.l3; n < f.len; n++)
		fp_test_inject(&r->t, 1, f.b, n);
	expect_drops(r, "cut", "tnl_truncated", f.len - f.l3);
	CHECK_EQ(pops(r), before);
	for (uint32_t n = 14; n < f.len; n++) {
		r->packets++;
		r->bytes += n;
	}
}

// RFC 6040: outer and inner codepoint, and what comes out (-1: dropped).
static void ecn(struct pop *r)
{
	static const int out[4][4] = {
		// inner: not-ECT, ECT(1), ECT(0), CE
		{ 0, 1, 2, 3 },  // outer not-ECT
		{ 0, 1, 1, 3 },  // outer ECT(1)
		{ 0, 1, 2, 3 },  // outer ECT(0)
		{ -1, 3, 3, 3 }, // outer CE
	};
	struct fp_test_outer f;
	uint8_t in[256], want[256];

	for (int o = 0; o < 4; o++) {
		for (int i = 0; i < 4; i++) {
			uint32_t len = fp_test_udp(in, 5, 7, 18);

			in[15] = (uint8_t)(0xb8 | i);
			fp_test_put16(in + 24, 0);
			fp_test_put16(in + 24, ~fp_test_sum(in + 14, 20, 0));
			memcpy(want, in, len);
			want[15] = (uint8_t)(0xb8 | (out[o][i] & 3));
			fp_test_put16(want + 24, 0);
			fp_test_put16(want + 24, ~fp_test_sum(want + 14, 20, 0));
			fp_test_wrap(&f, r->v6, r->vlan, in, len);
			f.b[f.l3 + 1] = (uint8_t)(r->v6 ? o << 4 : o);
			fp_test_fill_ip(&f);
			for (int twice = 0; twice < 2 && out[o][i] >= 0; twice++)
				expect_pass(r, "ECN", &f, want, len, twice ? 1 : -1);
			if (out[o][i] >= 0)
				continue;
			fp_test_inject(&r->t, 1, f.b, f.len);
			expect_drops(r, "ECN", "tnl_ecn", 1);
			r->packets++;
			r->bytes += f.len;
		}
	}
}

static void pop_table(const char *isa, bool cut)
{
	for (int shape = 0; shape < 4; shape++) {
		struct pop r;

		pop_open(&r, isa, cut);
		r.v6 = shape & 1;
		r.vlan = shape & 2;
		good(&r);
		bad_fields(&r);
		cut_everywhere(&r);
		ecn(&r);
		pop_close(&r);
	}
}

int main(void)
{
	fp_test_core_eal();
	for (size_t i = 0; i < sizeof(isas) / sizeof(isas[0]); i++) {
		if (!isa_runs(isas[i])) {
			printf("skipped: this CPU does not run the build %s\n", isas[i]);
			continue;
		}
		RUN(pop_table, isas[i], true);
		RUN(pop_table, isas[i], false);
	}
	fp_eal_cleanup();
	return fp_test_done();
}
