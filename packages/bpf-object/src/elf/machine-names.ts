/** `e_machine` of BPF objects (linux/elf-em.h). */
export const EM_BPF = 247;

const MACHINES: ReadonlyMap<number, string> = new Map([
  [2, 'SPARC'],
  [3, 'x86 (32-bit)'],
  [8, 'MIPS'],
  [20, 'PowerPC'],
  [21, 'PowerPC64'],
  [22, 's390x'],
  [40, 'ARM (32-bit)'],
  [43, 'SPARC V9'],
  [62, 'x86-64'],
  [183, 'AArch64'],
  [190, 'CUDA'],
  [243, 'RISC-V'],
  [258, 'LoongArch'],
]);

/** A machine's usual name, for messages. */
export function machineName(machine: number): string {
  return MACHINES.get(machine) ?? `machine ${machine}`;
}
