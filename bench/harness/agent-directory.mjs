import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A directory of agents that wake by cron, each at its own minute of a day that is not today, so that they are idle while we look. */
export function agentDirectory(directory, count) {
  mkdirSync(join(directory, 'scripts'), { recursive: true });
  writeFileSync(join(directory, 'scripts/answer.yaml'), 'fallback: { text: done }\n');
  const later = new Date(Date.now() + 40 * 86_400_000);
  for (let index = 0; index < count; index += 1) {
    const minute = `${index % 60} ${Math.trunc(index / 60) % 24} ${1 + (index % 28)} ${later.getUTCMonth() + 1} *`;
    writeFileSync(
      join(directory, `agent-${String(index).padStart(5, '0')}.agent`),
      `version: "1.0"\nname: agent-${index}\nmodel: scripted:scripts/answer.yaml\ninstructions: |\n  You are agent ${index}. Say that you are done.\ntriggers:\n  - type: cron\n    cron_expression: "${minute}"\n    cron_timezone: Europe/Berlin\n`,
    );
  }
  return directory;
}
