// The rules for the scripts: eslint --config tests/eslint.config.mjs posebook/notebook/static nbs/scripts
// A widget's script is page.js, some of the shared scripts and its own, joined into one module (`read_static`).
import {readFileSync, realpathSync} from "node:fs";
import {createRequire} from "node:module";

// ESLint's recommended rules, from the ESLint that runs, so that no further package is needed
const {builtinRules} = createRequire(realpathSync(process.argv[1]))("eslint/use-at-your-own-risk");
const recommended = [...builtinRules].filter(([, rule]) => rule.meta.docs.recommended);
const rules = {
  ...Object.fromEntries(recommended.map(([name]) => [name, "error"])),
  eqeqeq: "error", "no-implicit-globals": "error", "no-shadow": "error", "no-throw-literal": "error",
  "no-unused-expressions": ["error", {allowShortCircuit: true, allowTernary: true}],
  "no-use-before-define": ["error", {functions: false}], "no-var": "error", "prefer-const": "error",
};

const folder = new URL("../posebook/notebook/static/", import.meta.url);
const readonly = names => Object.fromEntries(names.map(name => [name, "readonly"]));
const browser = readonly(["Blob", "ResizeObserver", "clearTimeout", "createImageBitmap", "document",
  "getComputedStyle", "performance", "requestAnimationFrame", "setTimeout", "window"]);
const defined = script => readonly([...readFileSync(new URL(script, folder), "utf-8")
  .matchAll(/^(?:const|class|function) (\w+)/gm)].map(match => match[1]));

const options = (sourceType, ...before) => ({sourceType, ecmaVersion: 2022,
  globals: Object.assign({}, browser, ...before.map(defined))});
const shared = {...rules, "no-unused-vars": ["error", {vars: "local"}]};   // other scripts use them
export default [
  {files: ["**/page.js"], languageOptions: options("script"), rules: shared},
  {files: ["**/frame_view.js"], languageOptions: options("script", "page.js"), rules: shared},
  {files: ["**/watch.js"], languageOptions: options("module", "page.js"), rules},
  {files: ["**/label.js", "**/review.js"],
    languageOptions: options("module", "page.js", "frame_view.js"), rules},
  {files: ["**/nbs/scripts/*.js"], languageOptions: {sourceType: "script", ecmaVersion: 2023,
    globals: {...browser, ...readonly(["URL", "addEventListener"])}}, rules},
  {ignores: ["nbs/scripts/minisearch.js"]},   // it is not ours
];
