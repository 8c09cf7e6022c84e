// Small helpers for building the page. Text is always set as text, never as markup.

export const $ = (id) => document.getElementById(id);

/** An element: h('p', {class: 'quiet'}, 'text', child). Functions among the properties are listeners. */
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (typeof value === 'function') element.addEventListener(key, value);
    else if (value === true) element.setAttribute(key, '');
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

export function show(element, visible) {
  element.hidden = !visible;
}

let fading;
/** A line that goes away by itself. */
export function toast(text) {
  const element = $('toast');
  element.textContent = text;
  element.hidden = false;
  clearTimeout(fading);
  fading = setTimeout(() => { element.hidden = true; }, 5000);
}

const clock = new Intl.DateTimeFormat([], { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat([], { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

/** A moment as people say it: the time today, else with the day. */
export function when(moment) {
  const date = new Date(moment);
  if (Number.isNaN(date.getTime())) return '';
  const today = date.toDateString() === new Date().toDateString();
  return (today ? clock : day).format(date);
}
