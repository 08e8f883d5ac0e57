import { join } from 'node:path';
import { HOST_ADDRESS } from './init-script.ts';

/** One start of qemu. */
export interface QemuOptions {
  vmlinuz: string;
  initrd: string;
  /** File for the guest's second serial port. */
  report: string;
  memoryMb: number;
  /** Ports of this machine that the guest may reach. */
  hostPorts: readonly number[];
  /** File that is the guest's disk /dev/vda. */
  disk?: string;
}

/** Arguments for qemu: two processors, console on standard output, nothing of this machine but the given ports. */
export function qemuArguments({ vmlinuz, initrd, report, memoryMb, hostPorts, disk }: QemuOptions): string[] {
  // KVM only on demand: inside virtual machines it is often there and broken (MSRs that cannot be set, guests that hang in the BIOS).
  // Emulation takes seconds and works everywhere. cmpxchg16b is off since emulated, it has crashed guests.
  const cpu = process.env['BPFSHIP_GUEST_KVM'] === '1' ? ['-enable-kvm', '-cpu', 'host'] : ['-cpu', 'max,cx16=off'];
  const machine = ['-m', String(memoryMb), '-smp', '2', '-display', 'none', '-monitor', 'none', '-no-reboot'];
  const boot = ['-kernel', vmlinuz, '-initrd', initrd, '-append', 'console=ttyS0 panic=-1 quiet loglevel=4'];
  const drive = disk === undefined ? [] : ['-drive', `file=${disk},if=virtio,format=raw`];
  const serial = ['-serial', 'stdio', '-serial', `file:${report}`];
  return [...boot, ...machine, ...cpu, ...serial, ...drive, ...networkArguments(hostPorts)];
}

function networkArguments(hostPorts: readonly number[]): string[] {
  if (hostPorts.length === 0) return ['-nic', 'none'];
  const relay = join(import.meta.dirname, 'relay.ts');
  const forwards = hostPorts.map(
    (port) => `,guestfwd=tcp:${HOST_ADDRESS}:${port}-cmd:${process.execPath} ${relay} ${port}`,
  );
  return ['-netdev', `user,id=host,restrict=on${forwards.join('')}`, '-device', 'virtio-net-pci,netdev=host,romfile='];
}
