/*
 * answer: connections that stood, and requests on them that came to nothing.
 *
 * The handshake is not to blame, and who looks for the reason has to know so: the outcome is
 * completed, and detail and sentence say in which phase it ended, and how.
 */
#ifndef HANDFAST_DIAGNOSE_ANSWER_H
#define HANDFAST_DIAGNOSE_ANSWER_H

#include "diagnose/view.h"

/* Where t->local->answer_error says so. */
void answer_trouble(struct judging *j);

#endif
