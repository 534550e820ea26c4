export { TaskConsumerOptions, taskConsumerOptionsFromEnvironment, type TaskConsumerSettings } from '../consumer/task-consumer-options.ts';
