/*
 * java_object: where a serialized Java object ends.
 *
 * A JCEKS store holds its secret keys as objects in the midst of its entries, without a length
 * before them. What is in them is not looked at: classes, fields and arrays are followed by their
 * descriptions alone. Source: Java Object Serialization Specification, section 6.
 */
#ifndef HANDFAST_KEYSTORE_JAVA_OBJECT_H
#define HANDFAST_KEYSTORE_JAVA_OBJECT_H

#include "base/reader.h"

/* Takes the stream header and one object off the reader; false with the reader's fault. */
bool java_object_skip(struct reader *in);

#endif
