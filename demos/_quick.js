// Light requests, one at a time, of which the last state always follows.
// quick(send, rest): changed() asks for a request soon, send() makes it; answered() says that the answer is here;
// rested() calls rest() once all is answered; wanted() is whether another request is to follow.
const PATIENCE = 4000; // milliseconds; a refused request has no answer
const FRAME = 16;

function quick(send, rest = () => {}) {
  let due = 0;
  let guard = 0;
  let busy = false;    // a request is under way
  let wanted = false;  // and another is needed after it
  let resting = false; // and then the hand has rested

  function ask() {
    due = 0;
    if (busy || !wanted) return;
    [busy, wanted] = [true, false];
    guard = setTimeout(answered, PATIENCE);
    send();
  }

  function answered() {
    clearTimeout(guard);
    busy = false;
    if (wanted) ask();
    else if (resting) { resting = false; rest(); }
  }

  function changed() {
    wanted = true;
    due ||= setTimeout(ask, FRAME);
  }

  function rested() {
    if (busy || wanted) resting = true;
    else rest();
  }

  return { changed, answered, rested, wanted: () => wanted };
}
