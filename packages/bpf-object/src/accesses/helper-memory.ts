import { helperNumber } from '../object/helper-names.ts';

/** What a helper takes as memory: a pointer's argument, and that of its size. */
export interface MemoryArgument {
  pointer: number;
  size: number;
  /** The helper writes there. */
  writes: boolean;
}

/** Arguments of memory with a size (struct bpf_func_proto: ARG_PTR_TO_MEM and ARG_CONST_SIZE…); `!`: the helper writes there. */
const SIZED = `
  probe_read 1!2, probe_read_str 1!2, probe_read_user 1!2, probe_read_kernel 1!2, probe_read_user_str 1!2, probe_read_kernel_str 1!2,
  perf_event_output 4:5, skb_output 4:5, xdp_output 4:5, ringbuf_output 2:3, get_current_comm 1!2, skb_load_bytes 3!4,
  skb_load_bytes_relative 3!4, skb_store_bytes 3:4, xdp_load_bytes 3!4, xdp_store_bytes 3:4, csum_diff 1:2 3:4, trace_printk 1:2,
  trace_vprintk 1:2 3:4, get_stack 2!3, get_task_stack 2!3, copy_from_user 1!2, copy_from_user_task 1!2, snprintf_btf 1!2,
  snprintf 1!2 4:5, seq_printf 2:3 4:5, seq_write 2:3, strncmp 1:2, probe_write_user 2:3, perf_event_read_value 3!4,
  get_ns_current_pid_tgid 3!4
`;

/** Arguments of memory with a size, by helper. */
export const SIZED_MEMORY: ReadonlyMap<number, readonly MemoryArgument[]> = new Map(
  SIZED.trim()
    .split(/,\s*/)
    .map((line): [number, MemoryArgument[]] => {
      const [name = '', ...pairs] = line.trim().split(/\s+/);
      const args = pairs.map((pair) => ({
        pointer: Number(pair[0]),
        size: Number(pair[2]),
        writes: pair[1] === '!',
      }));
      return [helperNumber(`bpf_${name}`) ?? -1, args];
    }),
);

function numbers(names: string): ReadonlySet<number> {
  return new Set(names.split(' ').map((name) => helperNumber(`bpf_${name}`) ?? -1));
}

/** Helpers whose second argument is a key of the map. */
export const TAKES_KEY: ReadonlySet<number> = numbers(
  'map_lookup_elem map_update_elem map_delete_elem map_lookup_percpu_elem',
);
/** Helpers by the argument that is a value of the map. */
export const TAKES_VALUE: ReadonlyMap<number, number> = new Map([
  ...[...numbers('map_push_elem map_pop_elem map_peek_elem')].map((helper): [number, number] => [helper, 2]),
  ...[...numbers('map_update_elem')].map((helper): [number, number] => [helper, 3]),
]);
/** Helpers that give a value of the map, or null. */
export const GIVES_VALUE: ReadonlySet<number> = numbers(
  'map_lookup_elem map_lookup_percpu_elem sk_storage_get task_storage_get inode_storage_get cgrp_storage_get',
);
/** Helpers that give the kernel's objects, or null. */
export const GIVES_OBJECT: ReadonlySet<number> = numbers(
  'sk_lookup_tcp sk_lookup_udp skc_lookup_tcp sk_fullsock tcp_sock get_listener_sock skc_to_tcp6_sock skc_to_tcp_sock skc_to_tcp_timewait_sock skc_to_tcp_request_sock skc_to_udp6_sock skc_to_unix_sock skc_to_mptcp_sock sock_from_file per_cpu_ptr kptr_xchg',
);
/** Helpers that only give a number without bounds, and change no memory of the program. */
export const GIVES_NUMBER: ReadonlySet<number> = numbers(
  'ktime_get_ns ktime_get_boot_ns ktime_get_coarse_ns ktime_get_tai_ns jiffies64 get_prandom_u32 get_current_pid_tgid get_current_uid_gid get_current_task get_cgroup_classid get_socket_cookie get_socket_uid get_current_cgroup_id get_current_ancestor_cgroup_id skb_cgroup_id get_hash_recalc get_route_realm get_netns_cookie get_func_ip get_attach_cookie get_stackid redirect redirect_map map_update_elem map_delete_elem map_push_elem map_pop_elem map_peek_elem probe_read probe_read_user probe_read_kernel get_current_comm perf_event_output ringbuf_output ringbuf_submit ringbuf_discard ringbuf_query skb_load_bytes skb_store_bytes xdp_load_bytes xdp_store_bytes csum_diff trace_printk trace_vprintk send_signal override_return current_task_under_cgroup skb_under_cgroup perf_event_read perf_event_read_value copy_from_user l3_csum_replace l4_csum_replace tail_call skb_output xdp_output get_ns_current_pid_tgid seq_write seq_printf strncmp probe_write_user skb_load_bytes_relative xdp_adjust_head xdp_adjust_tail xdp_adjust_meta skb_change_tail skb_pull_data skb_change_head skb_adjust_room clone_redirect get_func_arg_cnt xdp_get_buff_len',
);
/** Helpers that give as much as they wrote, at most the size that they got, or an error (do_refine_retval_range). */
export const GIVES_LENGTH: ReadonlyMap<number, number> = new Map(
  [
    ['probe_read_str', 2],
    ['probe_read_user_str', 2],
    ['probe_read_kernel_str', 2],
    ['get_stack', 3],
    ['get_task_stack', 3],
  ].map(([name, size]): [number, number] => [helperNumber(`bpf_${name}`) ?? -1, Number(size)]),
);
/** bpf_get_smp_processor_id */
export const PROCESSOR_ID: number = helperNumber('bpf_get_smp_processor_id') ?? -1;
/** bpf_ringbuf_reserve */
export const RESERVE: number = helperNumber('bpf_ringbuf_reserve') ?? -1;
/** bpf_get_current_task_btf */
export const TASK: number = helperNumber('bpf_get_current_task_btf') ?? -1;
