export { startFakeModelServer, type FakeModelServer, type FakeModelServerOptions } from './fake-model-server.ts';
export type { FakeModelCall, FakeModelFault, FakeModelReply } from './fake-model-call.ts';
export { wordVector, type FakeEmbeddingCall, type FakeEmbeddingReply } from './fake-embedding-call.ts';
