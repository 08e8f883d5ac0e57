import type { GuestArchitecture } from '../../tools/machine/kernels.ts';

/** What the guest does at boot. */
export interface InitOptions {
  /** Files below /modules, in the order to load them in. */
  modules: readonly string[];
  /** Whether there is a network card. */
  network: boolean;
  architecture: GuestArchitecture;
}

/** Address at which qemu answers for the ports of this machine that a guest may reach. */
export const HOST_ADDRESS = '10.0.2.100';

/** Lines on the second serial port, which no message of the kernel can break. */
export const BOOT_MARKER = 'booted:';
export const EXIT_MARKER = 'exit:';

/** How libraries' folders are named, and what the second serial port is called. */
const TRIPLETS = { amd64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };
const REPORT_PORTS = { amd64: 'ttyS1', arm64: 'ttyS0' };

/**
 * The guest's /init: mounts what a service manager would have mounted (but no BPF file system: that a node has none yet is the harder
 * case, and a test that wants one mounts it), runs /command.sh, and tells its status.
 */
export function initScript({ modules, network, architecture }: InitOptions): string {
  const triplet = TRIPLETS[architecture];
  const report = `/dev/${REPORT_PORTS[architecture]}`;
  return `#!/bin/busybox sh
/bin/busybox --install -s /bin
[ -e /bin/iproute2 ] && ln -sf /bin/iproute2 /bin/ip
export PATH=/bin HOME=/root LD_LIBRARY_PATH=/usr/lib/${triplet}:/lib/${triplet}
# Emulated, compiling modules is most of what a start of Node costs.
export NODE_COMPILE_CACHE=/run/node-compile-cache
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t tracefs tracing /sys/kernel/tracing
mount -t securityfs security /sys/kernel/security
ip link set lo up
${modules.map((module) => `insmod /modules/${module}`).join('\n')}
${network ? 'ip addr add 10.0.2.15/24 dev eth0\nip link set eth0 up' : ''}
read -r uptime idle < /proc/uptime
echo "${BOOT_MARKER} $uptime" > ${report}
cd /
sh /command.sh
echo "${EXIT_MARKER} $?" > ${report}
poweroff -f
`;
}
