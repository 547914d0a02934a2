/* The abstract pool of docs/abstract-pool.md, in Promela, for SPIN: written by hand from that page
 * and the design, not from model/abstract.py, so that a mistake in one of the two shows itself.
 *
 * Each option is one step and each step one d_step, so that SPIN stores exactly the states that the
 * page speaks of. Every option that is a row of a table ends in a comment that names the row.
 */

#ifndef WORKERS
#define WORKERS 1
#endif
#ifndef SESSIONS
#define SESSIONS 1
#endif

#define NOBODY    255  /* a worker that is not busy works for nobody */
#define ANYBODY   254  /* an anonymous task's client */
#define NOWHERE   255  /* a session that lives on no worker */

mtype:worker = { initializing, ready, busy, degraded, terminating, terminated };
mtype:session = { opened, placed, lost, closing, closed };

bit down;                                   /* the pool was told to shut down */
mtype:worker worker[WORKERS] = initializing;
byte serves[WORKERS] = NOBODY;              /* for whom a busy worker works */
mtype:session session[SESSIONS] = opened;
byte home[SESSIONS] = NOWHERE;
bit waits[SESSIONS];                        /* a task of the session waits */

byte each;                                  /* 0, but within a step */

/* ---- Workers ---- */

#define ME _pid

/* A move that is nothing but a move. */
#define MOVES(from, to) d_step { worker[ME] == from -> worker[ME] = to }

/* The worker's task ends, and the worker stays. */
#define ANSWERS(to) d_step { worker[ME] == busy -> worker[ME] = to; serves[ME] = NOBODY }

/* The worker goes; what lives on it goes with it. `becomes` is what befalls a placed session: it is
 * lost, or it ends with the pool. */
#define GOES(when, becomes) d_step {                                          \
    (when) -> worker[ME] = terminating; serves[ME] = NOBODY;                  \
    for (each : 0 .. SESSIONS - 1) {                                          \
      if                                                                      \
      :: home[each] == ME ->                                                  \
         if                                                                   \
         :: session[each] == placed -> session[each] = becomes  /* placed: worker_lost */ \
         :: session[each] == closing -> skip  /* closing: worker_lost */      \
         fi;                                                                  \
         home[each] = NOWHERE; waits[each] = 0                                \
      :: else -> skip                                                         \
      fi                                                                      \
    };                                                                        \
    each = 0 }

#define IS_LOST(from)  GOES(worker[ME] == from, lost)
#define IS_ENDED(from) GOES(worker[ME] == from && down, closed)

active [WORKERS] proctype Worker()
{
  do
  :: MOVES(initializing, ready)       /* initializing: init_complete */
  :: IS_LOST(initializing)            /* initializing: init_failed */
  :: IS_LOST(initializing)            /* initializing: init_timeout */
  :: IS_LOST(initializing)            /* initializing: exited */
  :: IS_LOST(initializing)            /* initializing: corrupt */
  :: IS_ENDED(initializing)           /* initializing: shutdown */
  :: MOVES(initializing, terminated)  /* initializing: spawn_failed */

  :: d_step { worker[ME] == ready && !down ->
       worker[ME] = busy; serves[ME] = ANYBODY }  /* ready: checkout */
  :: MOVES(ready, degraded)           /* ready: health_check_failed */
  :: IS_LOST(ready)                   /* ready: recycle */
  :: IS_LOST(ready)                   /* ready: exited */
  :: IS_LOST(ready)                   /* ready: corrupt */
  :: IS_ENDED(ready)                  /* ready: shutdown */

  :: ANSWERS(ready)                   /* busy: checkin_success */
  :: ANSWERS(ready)                   /* busy: checkin_error */
  :: ANSWERS(degraded)                /* busy: recovery_degrade */
  :: IS_LOST(busy)                    /* busy: timeout */
  :: IS_LOST(busy)                    /* busy: cancelled */
  :: IS_LOST(busy)                    /* busy: exited */
  :: IS_LOST(busy)                    /* busy: corrupt */
  :: IS_ENDED(busy)                   /* busy: shutdown */

  :: MOVES(degraded, ready)           /* degraded: health_restored */
  :: IS_LOST(degraded)                /* degraded: health_check_limit */
  :: IS_LOST(degraded)                /* degraded: recycle */
  :: IS_LOST(degraded)                /* degraded: exited */
  :: IS_LOST(degraded)                /* degraded: corrupt */
  :: IS_ENDED(degraded)               /* degraded: shutdown */

  :: MOVES(terminating, terminated)   /* terminating: reaped */

  :: d_step { worker[ME] == terminated && !down ->
       worker[ME] = initializing }    /* another takes its place */
  od
}

#undef ME

/* ---- Sessions ---- */

#define ME (_pid - WORKERS)

/* Whether a worker runs the session's task: only the one on which it lives can. */
#define AT_WORK (home[ME] != NOWHERE && serves[home[ME] % WORKERS] == ME)
#define RESTS   (!waits[ME] && !AT_WORK)

#define WISHES(from, to)      d_step { session[ME] == from -> session[ME] = to }
#define VANISHES(from, when)  d_step { session[ME] == from && RESTS && (when) -> \
    session[ME] = closed; home[ME] = NOWHERE }

active [SESSIONS] proctype Session()
{
  do
  :: d_step { (session[ME] == opened || session[ME] == placed) && !down && !waits[ME] ->
       waits[ME] = 1 }                /* a task is submitted */
  :: d_step { down && waits[ME] ->
       waits[ME] = 0 }                /* the grace is over, and its task fails */

  :: WISHES(opened, closing)          /* opened: close_requested */
  :: VANISHES(opened, true)           /* opened: expired */
  :: VANISHES(opened, down)           /* opened: shutdown */

  :: WISHES(placed, closing)          /* placed: close_requested */
  :: VANISHES(placed, true)           /* placed: expired */
  :: VANISHES(placed, down)           /* placed: shutdown */

  :: d_step { session[ME] == lost && !down ->
       session[ME] = opened }         /* lost: reopened */
  :: WISHES(lost, closing)            /* lost: close_requested */
  :: VANISHES(lost, true)             /* lost: expired */
  :: VANISHES(lost, down)             /* lost: shutdown */

  :: VANISHES(closing, true)          /* closing: drained */
  od
}

#undef ME

/* ---- A worker and a session: one process for each two ---- */

#define FIRST_PAIR (WORKERS + SESSIONS)
#define W          ((_pid - FIRST_PAIR) / SESSIONS)
#define S          ((_pid - FIRST_PAIR) % SESSIONS)
#define HANDED     worker[W] == ready && waits[S]
#define HAND_OVER  worker[W] = busy; serves[W] = S; waits[S] = 0
#define ALIVE      (worker[W] == ready || worker[W] == busy || worker[W] == degraded)

active [WORKERS * SESSIONS] proctype Pair()
{
  do
  :: d_step { HANDED && home[S] == NOWHERE && session[S] == opened ->
       session[S] = placed; home[S] = W; HAND_OVER }  /* opened: first_task */
  :: d_step { HANDED && home[S] == NOWHERE && session[S] == closing ->
       home[S] = W; HAND_OVER }       /* closing: first_task */
  :: d_step { HANDED && home[S] == W ->
       HAND_OVER }                    /* a later task goes where its session lives */

  /* What never holds; an option that is never taken. */
  :: d_step { (worker[W] == busy) != (serves[W] != NOBODY) -> assert(false) }
  :: d_step { serves[W] == S && home[S] != W -> assert(false) }
  :: d_step { home[S] == W && !ALIVE -> assert(false) }
  :: d_step { (session[S] == placed) && home[S] == NOWHERE -> assert(false) }
  :: d_step { home[S] != NOWHERE && session[S] != placed && session[S] != closing -> assert(false) }
  :: d_step { waits[S] && (session[S] == lost || session[S] == closed) -> assert(false) }
  od
}

/* ---- The pool ---- */

#define GONE(w)   (w >= WORKERS || worker[w % WORKERS] == terminated)
#define CLOSED(s) (s >= SESSIONS || session[s % SESSIONS] == closed)
#define AT_REST   (GONE(0) && GONE(1) && GONE(2) && GONE(3) && \
                   CLOSED(0) && CLOSED(1) && CLOSED(2) && CLOSED(3))
#if WORKERS > 4 || SESSIONS > 4
#error "AT_REST looks at four of each"
#endif

active proctype Pool()
{
  do
  :: d_step { !down -> down = 1 }     /* shutdown is asked for */
  :: d_step { down && AT_REST -> skip }  /* nothing more happens, and that is no deadlock */
  od
}
