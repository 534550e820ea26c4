import { readFileSync } from 'node:fs';

import { InvalidInputError } from '@cortex-runtime/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Keyspace } from './keyspace.ts';

type OneArgument = { [Name in keyof Keyspace]: Keyspace[Name] extends (argument: string) => string ? Name : never }[keyof Keyspace];
type Plain = { [Name in keyof Keyspace]: Keyspace[Name] extends string ? Name : never }[keyof Keyspace];

const builders = [
  'tasksDomainStream', 'tasksAgentStream', 'respondedKey', 'threadAgentKey', 'domainRecentKey', 'meshKey', 'meshSkillKey', 'meshSyncStream', 'workspaceThreadKey', 'workspaceBranchKey', 'planKey', 'planStatusKey',
  'planDecisionKey', 'workflowCronPrefix', 'agentKey', 'agentConfigKey', 'fleetUpdateStream', 'vaultKey', 'ciReservedKey', 'tenantAdminsKey', 'channelStream', 'topicStream',
] as const satisfies readonly OneArgument[];
const keys = [
  'resultsStream', 'eventsStream', 'meshSyncResultsStream', 'outcomesStream', 'outcomeCollectorCursor', 'plansAllSet', 'plansActiveSet', 'scheduleConfigChanged', 'schedulerLivenessKey', 'schedulerLeaderLeaseKey', 'heartbeatStream',
  'fleetUpdateResultsStream', 'vaultLockKey', 'lightLlmProviderKey', 'idleDispatchKey', 'agentsKey', 'acceptedStream',
] as const satisfies readonly Plain[];

const awkward = fc.constantFrom('all', 'active', 'decision', 'results', 'agent', 'status', 'skill', 'typed', 'sync', 'recent', 'urgent', 'normal', 'agent:forge', 'x:status', 'tasks', 'eng', 'forge', 'skill:x', 'typed:people:x', 'sync:forge', 'a', '-', '..', '');
const anyArgument = fc.oneof(awkward, fc.string({ maxLength: 12 }));
const anyOrg = fc.oneof(fc.constant(undefined), fc.constantFrom('personal', 'acme', 'Acme', 'tasks', 'results', 'tasks:agent', 'mesh', ' ', '*', 'a', 'plans'), fc.string({ maxLength: 10 }));

function tryTo<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidInputError);
    return undefined;
  }
}

describe('Keyspace', () => {
  it('gives the names that the Python library uses', () => {
    const fleet = new Keyspace();
    expect(fleet.isFleet).toBe(true);
    expect(fleet.streamPrefix).toBe('cortex');
    expect(fleet.tasksDomainStream('eng')).toBe('cortex:tasks:eng');
    expect(fleet.agentStream('forge')).toBe('cortex:tasks:agent:forge');
    expect(fleet.resultsStream).toBe('cortex:results');
    const acme = new Keyspace('Acme');
    expect(acme.orgId).toBe('acme');
    expect(acme.respondedKey('slack:C1:17.5')).toBe('cortex:acme:responded:slack:C1:17.5');
    expect(acme.meshTypedKey('people', 'ada')).toBe('cortex:acme:mesh:typed:people:ada');
    expect(acme.planStatusKey('p1')).toBe('cortex:acme:plans:p1:status');
    expect(acme.planDecisionKey('p1')).toBe('cortex:acme:plans:decision:p1');
    expect(acme.schedulerLeaderLeaseKey).toBe('cortex:acme:schedule:leader_lease');
    expect(acme.workflowCronPrefix('nightly')).toBe('cortex:acme:workflow:cron:nightly');
    expect(fleet.tasksDomainStream('eng', 'urgent')).toBe('cortex:tasks:eng:urgent');
    expect(fleet.agentStream('forge', 'normal')).toBe('cortex:tasks:agent:forge');
    expect(acme.logicalName(acme.agentStream('forge'))).toBe('tasks:agent:forge');
  });

  it('is the fleet for no id and for personal, in any case', () => {
    for (const id of [undefined, 'personal', 'Personal', ' PERSONAL ']) expect(new Keyspace(id).streamPrefix).toBe('cortex');
  });

  // Weakness 24 (E17): a blank id fell back to the fleet; an id with a colon reached into other keys.
  it('refuses ids that would reach into the keys of others', () => {
    for (const id of ['', ' ', 'a:b', '*', 'tasks', 'tasks:agent', 'results', 'a b', 'x'.repeat(64), '-a', 'caf\u00e9', 'a{b}', 'bus']) expect(() => new Keyspace(id)).toThrow(InvalidInputError);
  });

  it('refuses arguments that would be another key', () => {
    const fleet = new Keyspace();
    expect(() => fleet.planKey('all')).toThrow(InvalidInputError);
    expect(() => fleet.meshSyncStream('results')).toThrow(InvalidInputError);
    expect(() => fleet.tasksDomainStream('agent:forge')).toThrow(InvalidInputError);
    expect(() => fleet.tasksDomainStream('agent', 'high')).toThrow(InvalidInputError);
    expect(() => fleet.tasksDomainStream('eng', 'a:b')).toThrow(InvalidInputError);
    expect(() => fleet.meshKey('typed:people:ada')).toThrow(InvalidInputError);
  });

  // Weakness 25: these were the same for all organisations.
  it('gives every organisation keys of its own, also for heartbeats, agents, approvals, configurations, secrets and updates', () => {
    const [fleet, acme] = [new Keyspace(), new Keyspace('acme')];
    const ofEach = (space: Keyspace) => [
      ...keys.map((name) => space[name]), ...builders.map((name) => space[name]('x')), space.meshTypedKey('people', 'x'), space.tenantUserKey('t', 'u'),
      space.approvalPrefix, space.respondedPrefix, space.sessionPrefix, space.meshPrefix, space.meshSkillPrefix, space.meshTypedPrefix, space.workspaceThreadPrefix, space.plansPrefix, space.schedulePrefix,
    ];
    expect(ofEach(acme)).toEqual(ofEach(fleet).map((key) => key.replace(/^cortex:/, 'cortex:acme:')));
    expect(acme.heartbeatStream).toBe('cortex:acme:heartbeat');
    expect(fleet.vaultKey('OPENAI_API_KEY')).toBe('cortex:vault:OPENAI_API_KEY');
    expect(fleet.tenantUserKey('acme', 'U1')).toBe('cortex:tenant:acme:users:U1');
    expect(() => fleet.vaultKey('lock')).toThrow(InvalidInputError);
  });

  // Weakness 24: no two builders, arguments or organisations may meet in one key.
  it('never gives one key for two things', () => {
    const thing = fc.record({ org: anyOrg, builder: fc.oneof(fc.constantFrom(...builders), fc.constantFrom(...keys), fc.constant('meshTypedKey' as const), fc.constantFrom('domainPriority' as const, 'agentPriority' as const)), argument: anyArgument, second: anyArgument });
    const keyOf = ({ org, builder, argument, second }: { org: string | undefined; builder: (typeof builders)[number] | (typeof keys)[number] | 'meshTypedKey' | 'domainPriority' | 'agentPriority'; argument: string; second: string }) =>
      tryTo(() => {
        const space = new Keyspace(org);
        const plain = (keys as readonly string[]).includes(builder);
        if (builder === 'domainPriority' || builder === 'agentPriority') {
          const key = builder === 'domainPriority' ? space.tasksDomainStream(argument, second) : space.tasksAgentStream(argument, second);
          const name = builder === 'domainPriority' ? 'tasksDomainStream' : 'tasksAgentStream';
          return { key, thing: JSON.stringify([space.orgId ?? null, name, argument, second === 'normal' ? '' : second]) };
        }
        const key = builder === 'meshTypedKey' ? space.meshTypedKey(argument, second) : plain ? space[builder as (typeof keys)[number]] : space[builder as (typeof builders)[number]](argument);
        return { key, thing: JSON.stringify([space.orgId ?? null, builder, plain ? '' : argument, builder === 'meshTypedKey' ? second : '']) };
      });
    fc.assert(
      fc.property(thing, thing, (a, b) => {
        const [first, second] = [keyOf(a), keyOf(b)];
        if (first !== undefined && second !== undefined && first.key === second.key) expect(first.thing).toBe(second.thing);
      }),
      { numRuns: 5_000 },
    );
  });

  it('gives the keys that docs/mesh.md lists for an organisation', () => {
    const guide = readFileSync(new URL('../../../docs/mesh.md', import.meta.url), 'utf8');
    const listed = new Set([...guide.matchAll(/`(cortex:<org>:[^`]+)`/g)].map(([, key = '']) => key));
    const space = new Keyspace('acme');
    const named = (key: string) => key.replace(':acme:', ':<org>:').replace(/X(\w+)X/, (_, name: string) => `<${name.replace('_', ' ')}>`);
    const known = [
      space.tasksDomainStream('XdomainX'), space.tasksAgentStream('XnameX'), space.resultsStream, space.acceptedStream, space.channelStream('XnameX'), space.topicStream('XtopicX'), space.eventsStream, space.agentsKey,
      space.threadAgentKey('Xthread_idX'), space.respondedKey('Xmessage_idX'), `${space.sessionPrefix}:…`, `${space.streamPrefix}:bus:consumers`,
    ];
    expect([...listed].sort()).toEqual(known.map(named).sort());
    expect(guide).toContain('`:urgent`, `:high`, `:low`');
    expect(space.tasksAgentStream('forge', 'urgent')).toBe('cortex:acme:tasks:agent:forge:urgent');
    expect(Keyspace.fleet().tasksAgentStream('forge', 'normal')).toBe('cortex:tasks:agent:forge');
  });
});
