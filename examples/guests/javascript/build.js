// Makes the component `callback.wasm`. Without these features the engine imports no WASI at all.
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { componentize } from '@bytecodealliance/componentize-js';

const { component } = await componentize({
  sourcePath: fileURLToPath(new URL('src/callback.js', import.meta.url)),
  witPath: fileURLToPath(new URL(process.env.CONTRACT ?? '../../../wit/1.0.0', import.meta.url)),
  worldName: 'transformation',
  disableFeatures: ['stdio', 'random', 'clocks', 'http', 'fetch-event'],
});
await writeFile(process.argv[2] ?? 'callback.wasm', component);
