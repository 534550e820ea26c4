import { describe, expect, it } from 'vitest';

import { deadline } from './cortex.ts';
import { meshHost, OfficeMesh } from './mesh-host.ts';

const contains = (text: string) => expect.stringContaining(text) as string;

/** An office where every task is done as soon as it is there. */
function busyOffice(outcome: object = { status: 'success', response_text: 'It is done.', duration_seconds: 2 }) {
  const mesh = new OfficeMesh();
  mesh.answer = () => outcome;
  return mesh;
}

describe('cortex dispatch', () => {
  it('hands a task in, waits, and prints the answer alone on its output', async () => {
    const mesh = busyOffice();
    const { cortex } = await meshHost(mesh);
    const { code, out, err } = await cortex(['dispatch', 'fix', 'the', 'build', '--agent', 'Forge', '--priority', 'urgent', '--thread', 'T-17', '--id', 't-1']);
    expect([code, out]).toEqual([0, 'It is done.\n']);
    expect(err).toContain('task t-1 is for Forge; Ctrl-C ends the waiting, not the task');
    expect(err).toContain('answered by forge in 2.0 s');
    expect(mesh.given.get('t-1')).toEqual({ text: 'fix the build', taskId: 't-1', agent: 'Forge', priority: 'urgent', threadId: 'T-17', sender: 'operator' });
    expect((await cortex(['dispatch', 'fix the build', '--agent', 'forge', '--id', 't-1'])).err).toContain('task t-1 had been handed in before');
  });

  it('reads a long task from its input, and gives it an id of its own', async () => {
    const mesh = busyOffice();
    const { cortex } = await meshHost(mesh);
    expect(await cortex(['dispatch', '-', '--domain', 'eng'], '@forge\nplease\n\n')).toMatchObject({ code: 0, err: contains('is for any agent of the domain eng; Ctrl-C') });
    const [task] = [...mesh.given.values()];
    expect(task).toMatchObject({ text: '@forge\nplease', domain: 'eng', taskId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string });
  });

  it('shows what an agent says, and lets it write nothing on the terminal', async () => {
    const { cortex } = await meshHost(busyOffice({ status: 'success', response_text: 'one\n\u001b[2Jtwo', agent: 'for\u001b[1mge' }));
    const { out, err } = await cortex(['dispatch', '@forge go']);
    expect(out).toBe('one\n\\u001b[2Jtwo\n');
    expect(err).toContain('answered by for\\u001b[1mge');
  });

  it('ends with 1 and the reason when the task failed, after what the agent had said', async () => {
    const { cortex } = await meshHost(busyOffice({ status: 'failure', error: 'the disk is full', error_code: 'DISPATCH_AGENT_FAILED', response_text: 'I began.' }));
    const failed = await cortex(['dispatch', '@forge go', '--id', 't-1']);
    expect([failed.code, failed.out]).toEqual([1, 'I began.\n']);
    expect(failed.err).toContain('error: task t-1 of forge failed (DISPATCH_AGENT_FAILED): the disk is full');
    const asJson = await cortex(['dispatch', '@forge go', '--id', 't-1', '--json']);
    expect([asJson.code, asJson.err]).toEqual([1, '']);
    expect(JSON.parse(asJson.out)).toMatchObject({ status: 'done', task_id: 't-1', result: { status: 'failure', error: 'the disk is full', error_code: 'DISPATCH_AGENT_FAILED', duration_seconds: null } });
  });

  it('says how to look again when the time is over', async () => {
    const { cortex } = await meshHost(new OfficeMesh());
    const late = await cortex(['dispatch', '@forge go', '--id', 't-1', '--timeout', '50ms']);
    expect([late.code, late.out]).toEqual([1, '']);
    expect(late.err).toContain('task t-1 has no answer after 50ms and goes on; look again: cortex result t-1; take it back: cortex cancel t-1');
    const asJson = await cortex(['dispatch', '@forge go', '--id', 't-1', '--timeout', '50ms', '--json']);
    expect(asJson.code).toBe(1);
    expect(JSON.parse(asJson.out)).toEqual({ status: 'pending', task_id: 't-1' });
  });

  it('does not wait when it is told not to, and cortex result has the answer later', async () => {
    const mesh = new OfficeMesh();
    const { cortex } = await meshHost(mesh);
    expect(await cortex(['dispatch', '@forge go', '--id', 't-1', '--no-wait'])).toMatchObject({ code: 0, err: '', out: 'task t-1 is for forge\n  its answer:    cortex result t-1\n  take it back:  cortex cancel t-1\n' });
    expect(JSON.parse((await cortex(['dispatch', '@forge go', '--id', 't-1', '--no-wait', '--json'])).out)).toEqual({ status: 'duplicate', task_id: 't-1', stream: 'tasks', msg_id: '1-0', agent: 'forge', domain: null, rule: 'claim' });
    expect(mesh.askCount('t-1')).toBe(0);
    expect(await cortex(['result', 't-1'])).toMatchObject({ code: 1, out: '', err: contains('task t-1 has no answer yet and goes on') });
    mesh.finish('t-1', { status: 'success', response_text: 'Late, but done.' });
    expect(await cortex(['result', 't-1'])).toMatchObject({ code: 0, out: 'Late, but done.\n' });
    expect(JSON.parse((await cortex(['result', 't-1', '--json'])).out)).toMatchObject({ status: 'done', result: { response_text: 'Late, but done.' } });
    expect(await cortex(['result', 't-2'])).toMatchObject({ code: 1, err: contains('no task t-2 was handed in here; give the whole id') });
  });

  it('outlives a restart of the host', async () => {
    const mesh = new OfficeMesh();
    const { launch, close, comeBack } = await meshHost(mesh);
    const waiting = launch(['dispatch', '@forge go', '--id', 't-1']);
    await expect.poll(() => mesh.askCount('t-1'), deadline).toBe(1);
    await close();
    await expect.poll(() => waiting.said.err, deadline).toContain('the host is asked again until the time is over');
    mesh.finish('t-1', { status: 'success', response_text: 'Done meanwhile.' });
    await comeBack();
    expect(await waiting.finished).toMatchObject({ code: 0, out: 'Done meanwhile.\n' });
  });

  it('ends with Ctrl-C, and the task goes on', async () => {
    const mesh = new OfficeMesh();
    const { launch, cortex } = await meshHost(mesh);
    for (const [id, flags] of [['t-1', []], ['t-2', ['--json']]] as const) {
      const waiting = launch(['dispatch', '@forge go', '--id', id, ...flags]);
      await expect.poll(() => mesh.askCount(id), deadline).toBe(1);
      waiting.child.kill('SIGINT');
      const { code, out, err } = await waiting.finished;
      expect(code).toBe(130);
      if (id === 't-1') expect([out, err]).toEqual(['', contains('task t-1 goes on; look again: cortex result t-1; take it back: cortex cancel t-1')]);
      else expect([JSON.parse(out), err]).toEqual([{ status: 'pending', task_id: 't-2' }, '']);
    }
    mesh.finish('t-1', { status: 'success', response_text: 'Done all the same.' });
    expect((await cortex(['result', 't-1', '--timeout', '1m'])).out).toBe('Done all the same.\n');
    expect(mesh.told).toEqual([]);
  });

  it('names the nearest agent and priority, and says who is there', async () => {
    const mesh = new OfficeMesh();
    const { cortex } = await meshHost(mesh);
    expect(await cortex(['dispatch', 'go', '--agent', 'froge'])).toMatchObject({ code: 1, err: contains('no agent "froge" takes tasks; did you mean "forge"?; who is there: cortex agents') });
    expect(await cortex(['dispatch', 'go', '--priority', 'hihg'])).toMatchObject({ code: 2, err: contains('there is no priority "hihg"; did you mean high?; priorities are low, normal, high, urgent') });
    expect(await cortex(['dispatch', 'go'])).toMatchObject({ code: 1, err: contains('who is there: cortex agents') });
    expect(mesh.given.size).toBe(0);
  });

  it('says that handing in again is safe when nobody knows whether the task was taken', async () => {
    const { cortex, close } = await meshHost(new OfficeMesh());
    await close();
    const { code, err } = await cortex(['dispatch', '@forge go']);
    expect(code).toBe(1);
    expect(err).toMatch(/the task may not have been taken; hand it in again with --id [0-9a-f-]{36}, which is safe: no answer from http/);
  });
});

describe('cortex cancel', () => {
  it('takes a task back, asks its agent to stop, or says that it has ended', async () => {
    const mesh = new OfficeMesh();
    const { cortex } = await meshHost(mesh);
    await cortex(['dispatch', '@forge go', '--id', 't-1', '--no-wait']);
    expect(await cortex(['cancel', 't-1', '--reason', 'not needed', '--by', 'ann'])).toMatchObject({ code: 0, out: 'task t-1 is taken back\n' });
    mesh.canRevoke = false;
    expect(await cortex(['cancel', 't-1'])).toMatchObject({ code: 0, out: 'the agent of task t-1 is asked to stop; what comes of it: cortex result t-1\n' });
    expect(JSON.parse((await cortex(['cancel', 't-1', '--json'])).out)).toEqual({ task_id: 't-1', cancelled: false });
    mesh.finish('t-1', { status: 'success', response_text: 'Too late.' });
    expect(await cortex(['cancel', 't-1'])).toMatchObject({ code: 1, out: '', err: contains('task t-1 has ended already (success); its answer: cortex result t-1') });
    expect(await cortex(['cancel', 't-2'])).toMatchObject({ code: 1, err: contains('no task t-2 was handed in here') });
    mesh.finish('t-1', { status: 'failure', error: 'cancelled by ann', error_code: 'DISPATCH_CANCELLED' });
    expect(await cortex(['cancel', 't-1'])).toMatchObject({ code: 0, out: 'task t-1 is taken back\n' });
    expect(mesh.told.slice(0, 2)).toEqual([['cancel', 't-1', { by: 'ann', reason: 'not needed' }], ['cancel', 't-1', { by: 'operator (cortex cancel)' }]]);
  });
});

describe('cortex agents', () => {
  it('shows who is in the mesh, what for, and where they run', async () => {
    const mesh = new OfficeMesh();
    const { cortex } = await meshHost(mesh);
    const lines = (await cortex(['agents'])).out.split('\n');
    expect(lines[0]).toMatch(/^NAME +DOMAINS +PRIMARY FOR +TASKS +RUNS IN$/);
    expect(lines[1]).toMatch(/^forge +eng, ops +eng +3 +2 hosts$/);
    expect(lines[2]).toMatch(/^scribe +docs +0 +away$/);
    expect(lines[4]).toBe('1 agent away: tasks for them wait until they come back');
    expect(JSON.parse((await cortex(['agents', '--json'])).out)).toMatchObject([{ name: 'forge', primary_for: ['eng'], is_present: true, instances: [{ instance_id: 'host-1', active_tasks: 2 }, { instance_id: 'host-2' }] }, { name: 'scribe', is_present: false }]);
    mesh.list = [{ name: 'forge', description: 'Builds what is\nasked for.', is_present: true, instances: [{ instance_id: 'host-1' }] }, { name: 'scribe', is_present: false }];
    const [head, forge, scribe] = (await cortex(['agents'])).out.split('\n');
    expect(head).toMatch(/ RUNS IN +WHAT FOR$/);
    expect(forge).toMatch(/^forge .* 1 host +Builds what is⏎asked for\.$/);
    expect(scribe).toMatch(/^scribe .* away$/);
    mesh.list = [];
    expect((await cortex(['agents'])).out).toBe('no agent takes tasks\n');
  });
});

describe('cortex emit', () => {
  it('tells what happened, in JSON from wherever it is', async () => {
    const mesh = new OfficeMesh();
    const { cortex, write } = await meshHost(mesh);
    write('data.json', '["from a file"]');
    expect(await cortex(['emit', 'order.paid', '{"order_id":"A-1"}', '--source', 'shop', '--id', 'e-1'])).toMatchObject({ code: 0, out: 'order.paid is told to everybody who listens, as event e-1\n' });
    expect(JSON.parse((await cortex(['emit', 'order.paid', '--json'])).out)).toEqual({ event_id: 'event-1' });
    await cortex(['emit', 'order.paid', '-'], 'null');
    await cortex(['emit', 'order.paid', '@data.json']);
    expect(mesh.told).toEqual([
      ['emit', { eventType: 'order.paid', data: { order_id: 'A-1' }, source: 'shop', eventId: 'e-1' }],
      ['emit', { eventType: 'order.paid', data: {}, source: 'operator' }],
      ['emit', { eventType: 'order.paid', data: null, source: 'operator' }],
      ['emit', { eventType: 'order.paid', data: ['from a file'], source: 'operator' }],
    ]);
  });
});

describe('cortex publish', () => {
  it('takes a text for a text, and JSON where it is asked for', async () => {
    const mesh = new OfficeMesh();
    const { cortex } = await meshHost(mesh);
    expect(await cortex(['publish', 'team/news', '{"just":"a text"}', '--sender', 'ann', '--id', 'm-1'])).toMatchObject({ code: 0, out: 'published to team/news as message m-1\n' });
    expect(JSON.parse((await cortex(['publish', 'news', '--content', '{"order":1}', '--json'])).out)).toEqual({ message_id: 'message-1' });
    await cortex(['publish', 'news', '-'], 'from the input\n');
    await cortex(['publish', 'news', '--content', '-'], '[1]');
    expect(mesh.told).toEqual([
      ['publish', 'team/news', { content: '{"just":"a text"}', sender: 'ann', messageId: 'm-1' }],
      ['publish', 'news', { content: { order: 1 }, sender: 'operator' }],
      ['publish', 'news', { content: 'from the input', sender: 'operator' }],
      ['publish', 'news', { content: [1], sender: 'operator' }],
    ]);
  });
});

describe('commands of the mesh', () => {
  it('end with 2 and one line when they are written wrongly', async () => {
    const mesh = new OfficeMesh();
    const { cortex } = await meshHost(mesh);
    for (const [args, said] of [
      [['dispatch'], "missing required argument 'text'"],
      [['dispatch', ' '], 'say what is to be done'],
      [['dispatch', '-'], 'say what is to be done'],
      [['dispatch', 'go', '--agent', 'forge', '--domain', 'eng'], 'choose one of --agent and --domain'],
      [['dispatch', 'go', '--timeout', 'soon'], '--timeout: must be a number of seconds or a duration'],
      [['dispatch', 'go', '--domain', 'a b'], 'domain: must be 1 to 128 letters'],
      [['dispatch', 'go', '--id', 'a b'], 'task_id: must be 1 to 200 visible ASCII characters'],
      [['dispatch', 'go', '--priorty', 'low'], 'Did you mean --priority?'],
      [['result'], "missing required argument 'task'"],
      [['result', 't-1', '--timeout', '-1'], '--timeout: must be a number of seconds'],
      [['cancel', 't-1', '--reason', ''], 'reason: '],
      [['emit', 'order.*'], 'event_type: must be words'],
      [['emit', 'order.paid', '{a:1}'], 'DATA: the text is not JSON'],
      [['emit', 'order.paid', '@nowhere.json'], 'can not read nowhere.json'],
      [['emit', 'order.paid', '--source', ''], 'source: '],
      [['publish', 'news'], 'say what to publish'],
      [['publish', 'news', 'a', '--content', '1'], 'choose one of a text and --content'],
      [['publish', 'news', '--content', 'a'], '--content: the text is not JSON'],
      [['publsh', 'news', 'a'], 'Did you mean publish?'],
    ] as const) {
      const { code, err, out } = await cortex(args);
      expect([args, code, out, err.trim().split('\n').length]).toEqual([args, 2, '', 1]);
      expect(err).toContain(said);
    }
    expect([mesh.given.size, mesh.told]).toEqual([0, []]);
  });

  it('say so when the host is part of no mesh', async () => {
    const { cortex } = await meshHost();
    for (const args of [['agents'], ['dispatch', 'go'], ['result', 't-1'], ['cancel', 't-1'], ['emit', 'a'], ['publish', 'a', 'b']]) {
      expect([args, await cortex(args)]).toEqual([args, { code: 1, out: '', err: expect.stringMatching(/there is nothing at \w+ \/api\/v1\/.*; the host is of another version/) as string }]);
    }
  });
});
