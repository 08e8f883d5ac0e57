import { join } from 'node:path';
import type { GuestArchitecture } from '../../tools/machine/kernels.ts';
import { HOST_ADDRESS } from './init-script.ts';

/** One start of qemu. */
export interface QemuOptions {
  architecture: GuestArchitecture;
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

/** The qemu of an architecture, with the machine and its two serial ports. */
const MACHINES = {
  amd64: {
    program: 'qemu-system-x86_64',
    // Emulation takes seconds and works everywhere. cmpxchg16b is off since emulated, it has crashed guests.
    cpu: ['-cpu', 'max,cx16=off'],
    console: 'ttyS0',
    serial: (report: string) => ['-serial', 'stdio', '-serial', `file:${report}`],
  },
  arm64: {
    program: 'qemu-system-aarch64',
    // Pointer authentication as the architecture has it costs half of the time.
    cpu: ['-machine', 'virt', '-cpu', 'max,pauth-impdef=on'],
    console: 'ttyAMA0',
    // The machine has one serial port.
    serial: (report: string) => [
      '-serial',
      'stdio',
      '-chardev',
      `file,id=report,path=${report}`,
      '-device',
      'pci-serial,chardev=report',
    ],
  },
};

/** Program and arguments of qemu: two processors, console on standard output, nothing of this machine but the given ports. */
export function qemuArguments(options: QemuOptions): string[] {
  const { architecture, vmlinuz, initrd, report, memoryMb, hostPorts, disk } = options;
  const { program, cpu: emulated, console, serial } = MACHINES[architecture];
  // KVM only on demand: inside virtual machines it is often there and broken (MSRs that cannot be set, guests that hang in the BIOS).
  const native = process.env['BPFSHIP_GUEST_KVM'] === '1' && architecture === 'amd64';
  const cpu = native ? ['-enable-kvm', '-cpu', 'host'] : emulated;
  const machine = ['-m', String(memoryMb), '-smp', '2', '-display', 'none', '-monitor', 'none', '-no-reboot'];
  const boot = ['-kernel', vmlinuz, '-initrd', initrd, '-append', `console=${console} panic=-1 quiet loglevel=4`];
  const drive = disk === undefined ? [] : ['-drive', `file=${disk},if=virtio,format=raw`];
  return [program, ...boot, ...machine, ...cpu, ...serial(report), ...drive, ...networkArguments(hostPorts)];
}

function networkArguments(hostPorts: readonly number[]): string[] {
  if (hostPorts.length === 0) return ['-nic', 'none'];
  const relay = join(import.meta.dirname, 'relay.ts');
  const forwards = hostPorts.map(
    (port) => `,guestfwd=tcp:${HOST_ADDRESS}:${port}-cmd:${process.execPath} ${relay} ${port}`,
  );
  return ['-netdev', `user,id=host,restrict=on${forwards.join('')}`, '-device', 'virtio-net-pci,netdev=host,romfile='];
}
