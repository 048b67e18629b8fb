// Node's `vm`: the script is compiled once, each event gets a fresh context. Prints microseconds an event.
import { readFileSync } from "node:fs";
import vm from "node:vm";

const [event, count] = [readFileSync(process.argv[2], "utf8"), Number(process.argv[3])];
const script = new vm.Script(`${readFileSync(new URL("mapping.js", import.meta.url), "utf8")}\ntransform(event)`);
const run = () => script.runInContext(vm.createContext({ event }), { timeout: 250 });

const first = JSON.parse(run());
if (first[0].UpsertContact.properties.length !== 13) throw new Error(`unexpected actions: ${JSON.stringify(first)}`);
for (let i = 0; i < count / 4; i++) run();
const started = process.hrtime.bigint();
for (let i = 0; i < count; i++) run();
console.log(Number(process.hrtime.bigint() - started) / 1e3 / count);
