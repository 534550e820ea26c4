import { clip, printable } from './printable.ts';
import { counted, shortDuration } from './amounts.ts';
import type { Terminal } from './terminal.ts';

interface ActivityEntry {
  processId: string;
  entryType: string;
  data: object;
}

/** One line about a run that has ended or waits, for whoever looks on; undefined for entries that are of no interest live. */
export function activityLine(entry: ActivityEntry, name: string, colors: Terminal['colors'], width = 100): string | undefined {
  const facts = entry.data as Record<string, unknown>;
  const text = (key: string) => (typeof facts[key] === 'string' ? facts[key] : '');
  const number = (key: string) => (typeof facts[key] === 'number' ? facts[key] : 0);
  const who = `${printable(name).padEnd(14)}`;
  switch (entry.entryType) {
    case 'invocation_result': {
      const head = `${who}  ${text('trigger_type').padEnd(10)}  run ${number('invocation')}  `;
      const cost = number('cost') > 0 ? `  $${number('cost').toFixed(4)}` : '';
      const tail = `✓ ${counted(number('tool_calls'), 'tool')}  ${shortDuration(number('duration_ms'))}${cost}`;
      const said = clip(printable(text('response').replaceAll(/\s+/g, ' ')), Math.max(0, width - head.length - tail.length - 2));
      return `${head}${colors.green(tail)}  ${colors.dim(said)}`.trimEnd();
    }
    case 'invocation_start':
      return facts['resumed'] === undefined || facts['resumed'] === false ? undefined : `${who}  ${colors.cyan(`run ${number('invocation')} goes on where it was`)}`;
    case 'error':
      return `${who}  ${colors.yellow(`✗ ${clip(printable(text('error')), width - 40)}${facts['will_retry'] === true ? '  (will be tried again)' : ''}`)}`;
    case 'dead_letter':
      return `${who}  ${colors.red(`✗ gave up on ${clip(printable(text('event_id')), 40)}: ${clip(printable(text('reason')), 40)}`)}  see: cortex dead-letters ${printable(name)}`;
    case 'effect_unknown':
      return `${who}  ${colors.yellow(`? did ${clip(printable(text('name')), 40)} happen?`)}  settle it: cortex resolve ${printable(text('effect_id'))} happened|not-happened|retry`;
    case 'effect_deferred': {
      const { approval_id: approval } = (facts['waits_for'] ?? {}) as { approval_id?: unknown };
      return `${who}  ${colors.yellow(`? ${clip(printable(text('name')), 40)} needs your approval`)}  see it: cortex approvals  answer: cortex approve|deny ${printable(String(approval))}`;
    }
    default:
      return undefined;
  }
}
