// Runs a TensorFlow.js graph model on images and prints its outputs as JSON.
//
//     npm install @tensorflow/tfjs-core @tensorflow/tfjs-converter @tensorflow/tfjs-backend-{cpu,wasm}
//     node run_tfjs.mjs model.json images.json cpu|wasm [repeats]
//
// images.json: [{shape: [1, h, w, 3], data: base64 of bytes}, ...]. With `repeats`, each output also
// tells the least milliseconds of that many runs. The packages are looked up from the working
// folder, or from $TFJS_HOME.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(join(process.env.TFJS_HOME ?? process.cwd(), "package.json"));
const tf = require("@tensorflow/tfjs-core");
const { loadGraphModel } = require("@tensorflow/tfjs-converter");
const [modelPath, imagesPath, backend, repeats] = process.argv.slice(2);
require(`@tensorflow/tfjs-backend-${backend}`);

function readModel(path) {
  const json = JSON.parse(readFileSync(path));
  const files = json.weightsManifest.flatMap((group) => group.paths);
  const data = Buffer.concat(files.map((file) => readFileSync(join(dirname(path), file))));
  return {
    modelTopology: json.modelTopology,
    weightSpecs: json.weightsManifest.flatMap((group) => group.weights),
    weightData: data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength),
    signature: json.signature,
  };
}

await tf.setBackend(backend);
const model = await loadGraphModel({ load: async () => readModel(modelPath) });
const outputs = [];
for (const image of JSON.parse(readFileSync(imagesPath))) {
  const pixels = Int32Array.from(Buffer.from(image.data, "base64"));
  const input = tf.tensor(pixels, image.shape, "int32");
  let least = Infinity;
  let output;
  for (let run = 0; run < Number(repeats ?? 1); run++) {
    output?.dispose();
    const start = performance.now();
    output = await model.executeAsync(input);
    await output.data();
    least = Math.min(least, performance.now() - start);
  }
  const data = Array.from(await output.data());
  outputs.push({ shape: output.shape, data, milliseconds: least });
  tf.dispose([input, output]);
}
console.log(JSON.stringify(outputs));
