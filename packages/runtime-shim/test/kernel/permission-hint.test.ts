import { expect, it } from 'vitest';
import { permissionHint } from '../../src/kernel/permission-hint.ts';

const limits = (value: string): string =>
  `Limit                     Soft Limit           Hard Limit           Units
Max locked memory         ${value.padEnd(20)} unlimited            bytes
`;

it('what the kernel does not allow may be the limit of locked memory', () => {
  expect(permissionHint(limits('65536'))).toContain('of which it may have 64 KiB');
  expect(permissionHint(limits('unlimited'))).not.toContain('locked memory');
  expect(permissionHint('')).toMatch(/^Run it as root/);
  expect(permissionHint()).toMatch(/^Run it as root/);
});
