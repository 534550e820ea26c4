/** `node --expose-gc one-question.mjs QUESTION [CASE]`: see run.mjs. */
const [question, only] = process.argv.slice(2);
const { bench } = await import(`../${question}/bench.mjs`);
await bench(only);
