import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A library of its own, so that nothing else runs it: `bump` and `bump_more`, a USDT probe, and a program that calls them three times each; with an argument, for each byte that
 * it reads, and says when it is ready and done.
 *
 * @param runPath - folder where the program finds the library.
 */
export function buildBinary(folder: string, runPath: string = folder): { program: string; library: string } {
  const [program, library] = [join(folder, 'caller'), join(folder, 'libbump.so')];
  const probe = `
#define PROBE __asm__ volatile("990: nop\\n.pushsection .note.stapsdt,\\"\\",\\"note\\"\\n.balign 4\\n.4byte 992f-991f,994f-993f,3\\n991: .asciz \\"stapsdt\\"\\n992: .balign 4\\n993: .8byte 990b\\n.8byte _.stapsdt.base\\n.8byte 0\\n.asciz \\"bump\\"\\n.asciz \\"probe\\"\\n.asciz \\"-4@$7\\"\\n994: .balign 4\\n.popsection\\n.pushsection .stapsdt.base,\\"aG\\",\\"progbits\\",.stapsdt.base,comdat\\n.weak _.stapsdt.base\\n.hidden _.stapsdt.base\\n_.stapsdt.base: .space 1\\n.size _.stapsdt.base,1\\n.popsection\\n")`;
  writeFileSync(
    join(folder, 'bump.c'),
    `${probe}
int bump(int x) { PROBE; return x + 1; }
int bump_more(int x) { return x + 2; }
`,
  );
  writeFileSync(
    join(folder, 'caller.c'),
    `#include <unistd.h>
int bump(int); int bump_more(int);
static int call(void) { int x = 0; for (int i = 0; i < 3; i++) x = bump_more(bump(x)); return x; }
int main(int argc, char **argv) {
	char c;
	if (argc < 2) return call() != 9;
	while (write(1, "x", 1) == 1 && read(0, &c, 1) == 1) call();
	return 0;
}
`,
  );
  execFileSync('clang', ['-O0', '-shared', '-fPIC', '-Wl,-soname,libbump.so', '-o', library, join(folder, 'bump.c')]);
  execFileSync('clang', ['-o', program, join(folder, 'caller.c'), library, `-Wl,-rpath,${runPath}`]);
  return { program, library };
}
