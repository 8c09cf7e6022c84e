// Emitter, model and collection: the base classes of every store on the page.
'use strict';

WASim.defineDefault('WAWebEventEmitter', () => class EventEmitter {
  on(names, listener, context) {
    if (typeof listener !== 'function') throw new TypeError('Callback parameter passed is not a function');
    for (const name of String(names).split(/\s+/)) {
      this._listenersOf(name).push({ listener, context, original: listener });
    }
    return this;
  }

  once(name, listener, context) {
    const entry = { context, original: listener };
    entry.listener = (...args) => { this._drop(name, entry); listener.apply(context ?? this, args); };
    this._listenersOf(name).push(entry);
    return this;
  }

  off(names, listener, context) {
    if (names === undefined) { this._emitterListeners = undefined; return this; }
    for (const name of String(names).split(/\s+/)) {
      const kept = this._listenersOf(name).filter((entry) => (
        (listener && entry.original !== listener) || (context && entry.context !== context)));
      this._emitterListeners.set(name, kept);
    }
    return this;
  }

  trigger(name, ...args) {
    for (const { listener, context } of [...(this._emitterListeners?.get(name) ?? [])]) {
      try {
        listener.apply(context ?? this, args);
      } catch (error) {
        setTimeout(() => { throw error; }, 0); // one bad listener must not stop the page
      }
    }
    return this;
  }

  listenTo(other, name, listener) { other.on(name, listener, this); return this; }
  listenToOnce(other, name, listener) { other.once(name, listener, this); return this; }
  listenToAndRun(other, name, listener) { this.listenTo(other, name, listener); listener.call(this); return this; }
  stopListening(other, name, listener) { other?.off(name, listener, this); return this; }
  isListening(name) { return (this._emitterListeners?.get(name) ?? []).length > 0; }
  removeAllListeners() { return this.off(); }
  bind(...args) { return this.on(...args); }
  unbind(...args) { return this.off(...args); }
  removeListener(...args) { return this.off(...args); }
  emit(...args) { return this.trigger(...args); }

  _listenersOf(name) {
    if (!this._emitterListeners) {
      Object.defineProperty(this, '_emitterListeners', { value: new Map(), writable: true, enumerable: false });
    }
    if (!this._emitterListeners.has(name)) this._emitterListeners.set(name, []);
    return this._emitterListeners.get(name);
  }

  _drop(name, entry) {
    this._emitterListeners.set(name, this._listenersOf(name).filter((other) => other !== entry));
  }
});

WASim.define('WAWebBaseModel', (exports) => {
  const EventEmitter = WASim.value('WAWebEventEmitter');

  const plain = (value) => (typeof value?.serialize === 'function' ? value.serialize() : value);

  const accessor = (name) => ({
    configurable: true,
    get() { return this.attributes[name]; },
    set(value) { this.set(name, value); },
  });

  class BaseModel extends EventEmitter {
    constructor(attributes = {}, options = {}) {
      super();
      for (const [name, value] of Object.entries({
        attributes: {}, collections: new Set(), parents: [], parent: options.parent,
      })) Object.defineProperty(this, name, { value, writable: true, enumerable: false });
      for (const [name, fallback] of Object.entries(this.constructor.defaults ?? {})) {
        this.attributes[name] = typeof fallback === 'function' ? fallback.call(this) : fallback;
      }
      this.set(attributes, { silent: true });
      this.initialize();
    }

    initialize() {}
    get collection() { return this.collections.values().next().value; }
    get isState() { return true; }
    get(name) { return this[name]; }
    safe() { return this; }
    unsafe() { return this; }

    set(names, value, options = {}) {
      if (typeof names === 'object') return this._setAll(names, value ?? {});
      return this._setAll({ [names]: value }, options);
    }

    _setAll(values, { silent = false } = {}) {
      const changed = [];
      for (const [name, value] of Object.entries(values)) {
        if (!(name in this)) Object.defineProperty(this, name, accessor(name));
        const old = this.attributes[name];
        if (old === value) continue;
        this.attributes[name] = value;
        if (value && this.constructor.children.includes(name)) this.addChild(name, value);
        changed.push([name, value, old]);
      }
      if (silent || changed.length === 0) return this;
      for (const [name, value, old] of changed) this.trigger(`change:${name}`, this, value, old);
      this.trigger('change', this, Object.fromEntries(changed));
      return this;
    }

    unset(names) {
      for (const name of [names].flat()) this.set(String(name), undefined);
    }

    // A child's `change:x` is fired again here as `change:<name>.x`, the child first.
    addChild(name, child) { child.parents.push({ name, model: this }); }

    trigger(event, ...args) {
      super.trigger(event, ...args);
      for (const collection of this.collections) collection.trigger(event, ...args);
      if (event.startsWith('change:')) {
        for (const { name, model } of this.parents) {
          if (model.attributes[name] === this) model.trigger(`change:${name}.${event.slice(7)}`, ...args);
        }
      }
      return this;
    }

    serialize() {
      const out = {};
      for (const name of this.constructor.serialized) {
        if (this.attributes[name] !== undefined) out[name] = plain(this.attributes[name]);
      }
      return out;
    }

    toJSON() { return this.serialize(); }
    toString() { return String(this.attributes.id ?? this.proxyName); }
    delete() { for (const collection of [...this.collections]) collection.remove(this); }
    reset() { this.set({ ...this.constructor.defaults }); }
    clear() { this.reset(); }
  }

  // Gives a model class its declared properties as accessors on the prototype.
  // props are part of serialize(), session properties are not; changes of children are fired again here.
  function defineModel(Class, { proxyName, props = {}, session = {}, children = [] }) {
    Class.children = children;
    Class.defaults = { ...props, ...session };
    Class.serialized = Object.keys(props);
    Class.prototype.proxyName = proxyName;
    Class.prototype.__props = Object.keys(props);
    for (const name of Object.keys(Class.defaults)) {
      Object.defineProperty(Class.prototype, name, accessor(name));
    }
    return Class;
  }

  Object.assign(exports, { BaseModel, defineModel });
});

WASim.defineDefault('WAWebCollection', () => {
  const EventEmitter = WASim.value('WAWebEventEmitter');
  return class Collection extends EventEmitter {
    constructor(models = [], { parent } = {}) {
      super();
      if (!this.constructor.model) throw new Error('Collection initialized without model');
      for (const [name, value] of Object.entries({ _models: [], _index: new Map(), parent })) {
        Object.defineProperty(this, name, { value, writable: true, enumerable: false });
      }
      this.modelClass = this.constructor.model;
      if (models.length) this.add(models, { silent: true });
    }

    get length() { return this._models.length; }
    isModel(value) { return value instanceof this.modelClass; }

    get(id) {
      if (id === undefined || id === null) return undefined;
      return this._index.get(String(this.isModel(id) ? id.id : id._serialized ?? id));
    }

    assertGet(id) {
      const model = this.get(id);
      if (!model) throw new Error(`${this.constructor.name}: no model ${id}`);
      return model;
    }

    add(values, options = {}) {
      if (Array.isArray(values)) return values.map((value) => this._addOne(value, options));
      return this._addOne(values, options);
    }

    _addOne(value, { silent = false, merge = false } = {}) {
      const known = this.get(value.id);
      if (known) {
        if (merge && !this.isModel(value)) known.set(value);
        return known;
      }
      const model = this.isModel(value) ? value : new this.modelClass(value);
      const last = this._models.at(-1);
      this._models.push(model);
      this._index.set(String(model.id), model);
      model.collections.add(this);
      if (last && this.constructor.comparator?.(last, model) > 0) this._sortQuietly();
      if (!silent) this.trigger('add', model, this, {});
      return model;
    }

    set(values, options) { return this.add(values, { merge: true, ...options }); }

    remove(values, { silent = false } = {}) {
      const removed = [];
      for (const value of [values].flat()) {
        const model = this.get(value);
        if (!model) continue;
        this._index.delete(String(model.id));
        this._models.splice(this._models.indexOf(model), 1);
        if (!silent) this.trigger('remove', model, this, {});
        model.collections.delete(this);
        removed.push(model);
      }
      return removed;
    }

    reset(models = []) {
      for (const model of this._models) model.collections.delete(this);
      this._models = [];
      this._index.clear();
      this.add(models, { silent: true });
      this.trigger('reset', this);
    }

    _sortQuietly() {
      const { comparator } = this.constructor;
      if (comparator) this._models.sort(comparator);
    }

    sort({ silent = false } = {}) {
      this._sortQuietly();
      if (!silent) this.trigger('sort', this);
      return this;
    }

    at(position) { return this._models.at(position); }
    head() { return this._models[0]; }
    last() { return this._models.at(-1); }
    toArray() { return [...this._models]; }
    getModelsArray() { return this._models; }
    serialize() { return this._models.map((model) => model.serialize()); }
    toJSON() { return this.serialize(); }
    includes(model) { return this._models.includes(model); }
    findFirst(test) { return this._models.find(test); }
    where(ids) { return ids.map((id) => this.get(id)).filter(Boolean); }
    indexOf(model) { return this._models.indexOf(model); }
    every(test) { return this._models.every(test); }
    some(test) { return this._models.some(test); }
    forEach(visit) { this._models.forEach(visit); }
    map(project) { return this._models.map(project); }
    filter(test) { return this._models.filter(test); }
    reduce(fold, start) { return this._models.reduce(fold, start); }
    slice(from, to) { return this._models.slice(from, to); }
    [Symbol.iterator]() { return this._models[Symbol.iterator](); }
  };
});

WASim.define('WAWebBaseCollection', (exports) => {
  const Collection = WASim.value('WAWebCollection');
  // A collection that can ask the server: subclasses override query(id) -> attributes or null.
  exports.BaseCollection = class BaseCollection extends Collection {
    async query(id) { return { id }; }

    async findQuery(id) {
      const attributes = await this.query(id);
      return attributes ? this.add(attributes, { merge: true }) : undefined;
    }

    async find(id) { return this.get(id) ?? this.findQuery(id); }
    async findImpl(id) { return this.find(id); }
    async update(id) { return this.findQuery(id); }
    gadd(id, attributes = {}) { return this.get(id) ?? this.add(this.isModel(id) ? id : { id, ...attributes }); }
    gaddUp(id) { return this.gadd(id); }
    handle(values) { this.add(values, { merge: true }); }
    isStateStale() { return false; }
    initializeFromCache(values) { this.add(values, { silent: true }); }
    saveToCache() {}
    delete() { this.reset(); }
  };
});
