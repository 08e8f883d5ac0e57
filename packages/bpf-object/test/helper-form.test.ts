import { describe, expect, it } from 'vitest';
import { readSectionName } from '../src/index.ts';
import { helperForm } from '../src/requirements/helper-form.ts';

const formIn = (section: string, helper: string): string | undefined => helperForm(helper, readSectionName(section));

describe('the form in which a program is loaded', () => {
  it.each([
    ['cgroup/bind4', 'bpf_bind', 'cgroup_inet4_bind'],
    ['cgroup/getsockopt', 'bpf_setsockopt', 'cgroup_getsockopt'],
    ['fexit/vfs_read', 'bpf_get_func_ret', 'trace_fentry'],
    ['fmod_ret.s/vfs_read', 'bpf_copy_from_user', 'trace_fentry.s'],
    ['tp_btf/sched_switch', 'bpf_get_func_arg', 'trace_raw_tp'],
    ['iter/task', 'bpf_seq_write', 'trace_iter'],
    ['lsm_cgroup/socket_bind', 'bpf_set_retval', 'lsm_cgroup'],
    ['uprobe.s//bin/sh:main', 'bpf_copy_from_user', 'kprobe.s'],
    ['kprobe.multi/vfs_*', 'bpf_copy_from_user', 'kprobe'],
  ])('of %s counts for %s', (section, helper, form) => {
    expect(formIn(section, helper)).toBe(form);
  });

  it.each([
    ['fentry/vfs_read', 'bpf_map_lookup_elem'],
    ['kprobe/vfs_read', 'bpf_setsockopt'],
    ['xdp', 'bpf_copy_from_user'],
    ['raw_tp/sched_switch', 'bpf_copy_from_user'],
  ])('of %s does not for %s', (section, helper) => {
    expect(formIn(section, helper)).toBeUndefined();
  });
});
