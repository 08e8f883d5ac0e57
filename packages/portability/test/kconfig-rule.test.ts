import { expect, it } from 'vitest';
import type { RuleContext } from '../src/rules/context.ts';
import { checkKconfig } from '../src/rules/symbol-rules.ts';
import { facts } from './samples.ts';

const contextOf = (features: Record<string, boolean>): RuleContext =>
  ({ facts: facts({ features, kconfig: { CONFIG_BPF: 'y' } }) }) as RuleContext;
const option = (value: string, weak: boolean) => ({ kind: 'kconfig' as const, value, weak, programs: ['p'] });

it('without a configuration file no option can be declared, not even a weak one; the kernel’s version can', () => {
  const context = contextOf({ 'kernel-config': false });
  expect(checkKconfig(option('CONFIG_BPF', true), context)).toMatchObject({ code: 'kconfig-unreadable' });
  expect(checkKconfig(option('CONFIG_BPF', false), context)).toMatchObject({ code: 'kconfig-unreadable' });
  expect(checkKconfig(option('LINUX_KERNEL_VERSION', false), context)).toBe('met');
  expect(checkKconfig(option('CONFIG_GONE', true), contextOf({ 'kernel-config': true }))).toBe('met');
});
