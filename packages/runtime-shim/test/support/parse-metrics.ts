import { execFileSync } from 'node:child_process';

/** Names of the families as the reference parsers find them, which refuse text that breaks the standard. */
export function familiesByParser(text: string, format: 'openmetrics' | 'prometheus' = 'openmetrics'): string[] {
  const parser = format === 'openmetrics' ? 'prometheus_client.openmetrics.parser' : 'prometheus_client.parser';
  const script = `
import sys
from ${parser} import text_string_to_metric_families
print("\\n".join(f.name for f in text_string_to_metric_families(sys.stdin.read())))`;
  return execFileSync('/usr/bin/python3', ['-c', script], { input: text, encoding: 'utf8' }).trim().split('\n');
}
