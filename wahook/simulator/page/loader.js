// The module registry: `__d` registers, `require`/`importNamespace` resolve, as on the real page.
//
// `__d` exists from the start but only queues; `require`, `importNamespace` and `ErrorGuard` are assigned
// last, by WASim.open(), once every module is registered: whoever waits for them finds a complete registry.
'use strict';

const WASim = (() => {
  const queued = [];
  const modulesMap = {};

  window.__d = (id, dependencies, factory, flags) => { queued.push({ id, dependencies, factory, flags }); };

  function initialise(id) {
    const module = modulesMap[id];
    if (module === undefined) throw new Error(`Requiring unknown module "${id}"`);
    if (!module.initialised) {
      module.initialised = true; // before the factory: modules may refer to each other in a circle
      module.factory(window, requireValue, importDefault, importNamespace, requireLazy, module, module.exports);
    }
    return module;
  }

  function importNamespace(id) { return initialise(id).exports; }
  function importDefault(id) { return initialise(id).exports.default; }

  function requireValue(id) {
    if (id === '__debug') return { modulesMap };
    const { exports, flags } = initialise(id);
    return flags === 'default' ? exports.default : exports;
  }

  function requireLazy(ids, callback) { setTimeout(() => callback(...ids.map(requireValue)), 0); }

  // A module of named exports: fill(exports). Other modules are reached through WASim.use at call time,
  // never through a kept reference, because clients replace functions on the namespace object.
  function define(id, fill) {
    window.__d(id, [], (global, require, importDefault_, importNamespace_, lazy, module, exports) => fill(exports), 0);
  }

  // A module whose value is one thing: require(id) answers it, importNamespace(id) answers {default: it}.
  function defineDefault(id, make) {
    window.__d(id, [], (global, require, importDefault_, importNamespace_, lazy, module, exports) => {
      exports.default = make();
    }, 'default');
  }

  function open({ missing, version }) {
    const register = (id, dependencies, factory, flags) => {
      if (missing.includes(id)) return;
      modulesMap[id] = { id, dependencies, factory, flags, exports: {}, initialised: false };
    };
    for (const { id, dependencies, factory, flags } of queued.splice(0)) register(id, dependencies, factory, flags);
    window.ErrorGuard = { skipGuardGlobal: () => {} };
    window.Debug = { VERSION: version };
    window.importNamespace = importNamespace;
    window.__d = register;
    window.require = requireValue;
  }

  return { define, defineDefault, open, use: importNamespace, value: requireValue };
})();
