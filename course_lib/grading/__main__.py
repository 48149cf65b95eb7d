"""`python -m course_lib.grading [--quick] FD...`: a zygote, started by the judge.

The module that works is imported by its name: what is called `__main__` is guarded by no seal.
"""

import gc
import sys

gc.disable()  # imports make little garbage, and looking for it takes 60 ms of 800; `warm_up` turns it on again

from course_lib.grading.zygote_process import main  # noqa: E402 - see above

main(sys.argv[1:])
