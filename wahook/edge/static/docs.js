// The API's description, drawn from /openapi.json.

import { api, key } from './api.js';
import { $, h } from './dom.js';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

function typeOf(schema = {}, all) {
  if (schema.$ref) return schema.$ref.split('/').pop();
  if (schema.anyOf) return schema.anyOf.map((each) => typeOf(each, all)).join(' or ');
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(' | ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.type === 'array') return `list of ${typeOf(schema.items, all)}`;
  return schema.format ?? schema.type ?? 'any';
}

function fieldRows(schema, all) {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([name, each]) =>
    h('tr', {}, h('th', { scope: 'row' }, name, required.has(name) && h('sup', { title: 'required' }, '*')),
      h('td', {}, h('code', {}, typeOf(each, all))), h('td', {}, each.description ?? '')));
}

const table = (caption, rows) => rows.length > 0 && h('table', {}, h('caption', {}, caption), h('tbody', {}, ...rows));

function operation(path, method, shown, all) {
  const [[media, { schema }] = ['', {}]] = Object.entries(shown.requestBody?.content ?? {});
  const body = schema && (schema.$ref ? all[schema.$ref.split('/').pop()] : schema);
  return h('details', { class: 'operation' },
    h('summary', {}, h('span', { class: 'method', 'data-method': method }, method.toUpperCase()),
      h('code', {}, path), h('span', { class: 'quiet' }, shown.summary)),
    shown.description && h('p', {}, shown.description),
    table('Parameters', shown.parameters.map((each) =>
      h('tr', {}, h('th', { scope: 'row' }, each.name, each.required && h('sup', {}, '*')),
        h('td', {}, h('code', {}, `${each.in}, ${typeOf(each.schema, all)}`)), h('td', {}, each.description ?? '')))),
    body && table(`Body: ${schema.$ref ? typeOf(schema, all) : media}`, fieldRows(body, all)),
    table('Answers', Object.entries(shown.responses).map(([status, each]) =>
      h('tr', {}, h('th', { scope: 'row' }, status),
        h('td', {}, h('code', {}, Object.entries(each.content ?? {}).map(([kind, what]) =>
          (what.schema?.$ref ? typeOf(what.schema, all) : kind)).join(', '))),
        h('td', {}, each.description)))));
}

function model(name, schema, all) {
  return h('details', { class: 'operation' }, h('summary', {}, h('code', {}, name), h('span', { class: 'quiet' }, schema.description ?? '')),
    table('Fields', fieldRows(schema, all)));
}

function draw(document_) {
  const all = document_.components.schemas;
  const operations = Object.entries(document_.paths).flatMap(([path, each]) =>
    METHODS.filter((method) => each[method]).map((method) => [path, method, each[method]]));
  return [
    h('h1', {}, 'API ', h('span', { class: 'quiet' }, document_.info.version)),
    h('p', {}, document_.info.description, ' The machine-readable form is ', h('code', {}, '/openapi.json'), '.'),
    h('p', {}, 'Send the key as ', h('code', {}, 'X-Api-Key'), ' or as ', h('code', {}, 'Authorization: Bearer'),
      '. Errors are problem documents (RFC 9457) with a fixed word in ', h('code', {}, 'code'), '.'),
    ...document_.tags.flatMap((tag) => [
      h('h2', {}, tag.name, ' ', h('span', { class: 'quiet' }, tag.description)),
      ...operations.filter(([, , each]) => each.tags.includes(tag.name)).map(([path, method, each]) => operation(path, method, each, all)),
    ]),
    h('h2', {}, 'Models'),
    ...Object.entries(all).map(([name, schema]) => model(name, schema, all)),
  ];
}

if (!key.get()) {
  $('docs').replaceChildren(h('p', { class: 'empty' }, 'Open the ', h('a', { href: '/' }, 'dashboard'), ' with your key first.'));
} else {
  api.openapi()
    .then((found) => $('docs').replaceChildren(...draw(found)))
    .catch((error) => $('docs').replaceChildren(h('p', { class: 'error' }, error.message)));
}
