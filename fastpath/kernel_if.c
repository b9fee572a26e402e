#include "kernel_if.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>

#include <rte_string_fns.h>

int fp_kernel_if_open(struct fp_kernel_if *k, const char *name)
{
	struct ifreq ifr = { 0 };
	int rc;

	k->ctl = -1;
	if (strlen(name) >= sizeof(ifr.ifr_name))
		return -ENAMETOOLONG;
	k->ctl = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (k->ctl < 0)
		return -errno;
	rte_strscpy(ifr.ifr_name, name, sizeof(ifr.ifr_name));
	if (ioctl(k->ctl, SIOCGIFINDEX, &ifr) < 0) {
		rc = -errno;
		fp_kernel_if_close(k);
		return rc;
	}
	k->ifindex = ifr.ifr_ifindex;
	return 0;
}

void fp_kernel_if_close(struct fp_kernel_if *k)
{
	if (k->ctl >= 0)
		close(k->ctl);
	k->ctl = -1;
}

// Request about the interface by the name that it has now.
static int request(const struct fp_kernel_if *k, unsigned long what, struct ifreq *ifr)
{
	struct ifreq name = { .ifr_ifindex = k->ifindex };

	if (ioctl(k->ctl, SIOCGIFNAME, &name) < 0)
		return -errno;
	memcpy(ifr->ifr_name, name.ifr_name, sizeof(ifr->ifr_name));
	return ioctl(k->ctl, what, ifr) < 0 ? -errno : 0;
}

int fp_kernel_if_mtu(const struct fp_kernel_if *k, uint32_t *mtu)
{
	struct ifreq ifr = { 0 };
	int rc = request(k, SIOCGIFMTU, &ifr);

	if (!rc)
		*mtu = ifr.ifr_mtu;
	return rc;
}

int fp_kernel_if_set_mtu(const struct fp_kernel_if *k, uint32_t mtu)
{
	struct ifreq ifr = { .ifr_mtu = mtu };

	return request(k, SIOCSIFMTU, &ifr);
}

int fp_kernel_if_mac(const struct fp_kernel_if *k, uint8_t mac[6])
{
	struct ifreq ifr = { 0 };
	int rc = request(k, SIOCGIFHWADDR, &ifr);

	if (rc)
		return rc;
	if (ifr.ifr_hwaddr.sa_family != ARPHRD_ETHER && ifr.ifr_hwaddr.sa_family != ARPHRD_LOOPBACK)
		return -EPROTOTYPE;
	memcpy(mac, ifr.ifr_hwaddr.sa_data, 6);
	return 0;
}

int fp_kernel_if_set_mac(const struct fp_kernel_if *k, const uint8_t mac[6])
{
	struct ifreq ifr = { .ifr_hwaddr.sa_family = ARPHRD_ETHER };

	memcpy(ifr.ifr_hwaddr.sa_data, mac, 6);
	return request(k, SIOCSIFHWADDR, &ifr);
}

int fp_kernel_if_set_up(const struct fp_kernel_if *k, bool up)
{
	struct ifreq ifr = { 0 };
	int rc = request(k, SIOCGIFFLAGS, &ifr);

	if (rc)
		return rc;
	if (up)
		ifr.ifr_flags |= IFF_UP;
	else
		ifr.ifr_flags &= ~IFF_UP;
	return request(k, SIOCSIFFLAGS, &ifr);
}

int fp_kernel_if_info(const struct fp_kernel_if *k, struct fp_port_info *out)
{
	struct ethtool_drvinfo drv = { .cmd = ETHTOOL_GDRVINFO };
	struct ethtool_cmd link = { .cmd = ETHTOOL_GSET };
	struct ifreq ifr = { 0 };
	uint32_t speed;

	if (request(k, SIOCGIFFLAGS, &ifr) < 0)
		return 0; // gone: no index, no link
	out->ifindex = k->ifindex;
	out->link_up = (ifr.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
	ifr.ifr_data = (char *)&drv;
	if (request(k, SIOCETHTOOL, &ifr) == 0 && drv.driver[0])
		rte_strscpy(out->driver, drv.driver, sizeof(out->driver));
	ifr.ifr_data = (char *)&link;
	if (request(k, SIOCETHTOOL, &ifr) == 0) {
		speed = ethtool_cmd_speed(&link);
		if (speed != (uint32_t)SPEED_UNKNOWN)
			out->link_mbps = speed;
	}
	return 0;
}
