"""`python -m course_lib.grading [--quick] FD...`: a zygote, started by the judge.

The module that works is imported by its name: what is called `__main__` is guarded by no seal.
"""

import sys

from course_lib.grading.zygote_process import main

main(sys.argv[1:])
